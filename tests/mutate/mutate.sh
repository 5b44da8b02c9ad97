#!/bin/bash
# SPDX-License-Identifier: MIT
#
# mutate.sh DIR OPS TEST...: every mutant of DIR/mutants must be caught, by one of the unit tests
# DIR/TEST, the quickest first, or else by the models within OPS random steps. One line each with
# what caught it, then caught/total; exit status 1 if they are not equal. Nothing may be
# caught in the library as it is. A test that takes ten times as long as there, and more, is said
# not to end: that is caught, too.
dir=$1 ops=$2
shift 2
caught=0 total=0
mkdir -p "$dir/log"
sane_ops=200000
timed_out=124 # exit status of timeout(1)
least_ms=5000 unlimited_ms=600000 model_seconds=600
declare -A ms # by test: how long it may take

now() {
	date +%s%3N
}

# The first failed test of a log of cmocka's, or what it died of.
first_failed() { # LOG
	local line

	line=$(sed -n 's/^\[  FAILED  \] \(.*\)/\1/p' "$1" | grep -v ' test(s)' | head -n 1)
	echo "${line:-$(grep -v '^\[' "$1" | head -n 1)}"
}

# Status 1: the test fails with the mutant; prints how.
passes() { # MUTANT TEST MILLISECONDS
	local log=$dir/log/${1/mmu\//}.$2 status=0

	MMU_MUTANT=$1 timeout "$(($3 / 1000)).$(printf %03d $(($3 % 1000)))" \
		"$dir/$2" >"$log" 2>&1 || status=$?
	case $status in
	0) return 0 ;;
	$timed_out) echo "$2: does not end" ;;
	*) echo "$2: $(first_failed "$log")" ;;
	esac
	return 1
}

model_passes() { # MUTANT OPS
	local log=$dir/log/${1/mmu\//}.model status=0

	MMU_MUTANT=$1 timeout $model_seconds "$dir/run" -q "$2" >"$log" 2>&1 || status=$?
	case $status in
	0) return 0 ;;
	$timed_out) echo "model: does not end" ;;
	*) echo "model: $(head -n 1 "$log")" ;;
	esac
	return 1
}

# What fails with the mutant: prints by what it was caught; status 1: by nothing.
hunt() { # MUTANT
	local t

	for t in $tests; do
		passes "$1" "$t" "${ms[$t]}" || return 0
	done
	model_passes "$1" "$ops" || return 0
	return 1
}

caught_without() { # WHAT
	echo "  FAIL    without a mutant: $1"
	exit 1
}

for t in "$@"; do
	start=$(now)
	by=$(passes NONE "$t" $unlimited_ms) || caught_without "$by"
	ms[$t]=$(($(now) - start))
done
by=$(model_passes NONE $sane_ops) || caught_without "$by"
tests=$(for t in "$@"; do echo "${ms[$t]} $t"; done | sort -n | cut -d ' ' -f 2)
for t in "$@"; do
	ms[$t]=$((10 * ms[$t] + least_ms))
done

for m in $(cat "$dir/mutants"); do
	total=$((total + 1))
	if by=$(hunt "$m"); then
		caught=$((caught + 1))
		printf '  caught  %-32s %s\n' "$m" "$by"
	else
		printf '  FAIL    %-32s nothing notices\n' "$m"
	fi
done
echo "mutate: $caught/$total caught"
[ $caught = $total ]
