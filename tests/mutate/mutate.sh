#!/bin/bash
# SPDX-License-Identifier: MIT
#
# mutate.sh DIR OPS TEST...: every mutant of DIR/mutants.h must be caught, by the models within OPS
# random steps or else by one of the unit tests DIR/TEST. One line each, then caught/total;
# exit status 1 if they are not equal. Nothing may be caught in the library as it is.
dir=$1 ops=$2
shift 2
caught=0 total=0

# What fails with the mutant: prints by what it was caught; status 1: by nothing.
hunt() { # MUTANT OPS
	local t

	export MMU_MUTANT=$1
	if ! timeout 300 "$dir/run" -q "$2" >"$dir/$1.log" 2>&1; then
		echo "model: $(head -n 1 "$dir/$1.log")"
		return
	fi
	for t in "${tests[@]}"; do
		if ! timeout 60 "$dir/$t" >"$dir/$1.$t.log" 2>&1; then
			echo "$t: $(sed -n 's/^\[  FAILED  \] \(.*\)/\1/p' "$dir/$1.$t.log" | sed -n 2p)"
			return
		fi
	done
	return 1
}

tests=("$@")
if by=$(hunt NONE 200000); then
	echo "  FAIL    without a mutant: $by"
	exit 1
fi
for m in $(sed -n 's/^MUTANT(\(.*\))$/\1/p' "$dir/mutants.h"); do
	total=$((total + 1))
	if by=$(hunt "$m" "$ops"); then
		caught=$((caught + 1))
		printf '  caught  %-24s %s\n' "$m" "$by"
	else
		printf '  FAIL    %-24s nothing notices\n' "$m"
	fi
done
echo "mutate: $caught/$total caught"
[ $caught = $total ]
