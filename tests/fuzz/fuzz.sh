#!/bin/bash
# SPDX-License-Identifier: MIT
#
# fuzz.sh DIR KEEP MINUTES NAME...: one fuzzer after the other, each on all cores
# (FUZZ_JOBS), sharing MINUTES by their weights. What they find to be new is kept, minimised,
# in KEEP/NAME and is where the next run goes on; findings lie in KEEP/found.
# A fuzzer whose unit is not the run says at its exit "fuzz: N operations in S s".
# Exit status 1 if there was a finding.
set -u
dir=$1 keep=$2 minutes=$3
shift 3
jobs=${FUZZ_JOBS:-2}
pids=()
mkdir -p "$keep/found"
case $minutes in
'' | *[!0-9]* | 0) echo "fuzz: MINUTES=$minutes: expected a whole number from 1"; exit 1 ;;
esac

weight() { # NAME
	cut -d ' ' -f 1 "$dir/$1.options"
}

flags() { # NAME
	cut -s -d ' ' -f 2- "$dir/$1.options"
}

total=0
for f in "$@"; do
	total=$((total + $(weight "$f")))
done

# Runs, or operations where it counts them, of all instances, a second.
rate() { # LOG...
	awk '
		/^stat::number_of_executed_units:/ { runs += $2 }
		/^fuzz: [0-9]+ operations in / { ops += $2; if ($5 > seconds) seconds = $5 }
		/^Done [0-9]+ runs in [0-9]+ second/ { if ($5 > time) time = $5 }
		END {
			if (!time) time = 1
			printf "%d runs, %d runs/s", runs, runs / time
			if (seconds) printf ", %d operations, %d operations/s", ops, ops / seconds
		}' "$@"
}

# Two instances may have found the same thing twice.
minimise() { # NAME
	local new=$keep/$1.new

	rm -rf "$new"
	mkdir -p "$new"
	# shellcheck disable=SC2046 # flags are words
	"$dir/$1" -merge=1 $(flags "$1") "$new" "$keep/$1" >"$dir/$1.merge.log" 2>&1 || return
	rm -rf "${keep:?}/$1"
	mv "$new" "$keep/$1"
}

findings() { # NAME
	find "$keep/found" -type f -name "$1-*" -newer "$dir/$1.started" | sort
}

# What was found, and where in our own files; if nothing was, why it ended all the same.
tell() { # LOG...
	local said

	said=$(grep -h -E 'ERROR: [A-Z]|runtime error|Assertion|^ +#[0-9]+ .* /.*\.[ch]:[0-9]+' "$@" |
		grep -v -E 'libFuzzer: (deadly|run)|/assert/|/nptl/|/raise|/stdlib/|/csu/|fuzzer::' | head -20)
	[ -n "$said" ] || said=$(tail -n 5 "$@")
	echo "$said" | sed 's/^/          /'
}

stop() {
	[ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null
	exit 130
}
trap stop INT TERM

run() { # NAME
	local f=$1 seconds i logs=() status=0
	seconds=$((minutes * 60 * $(weight "$f") / total))
	[ $seconds -gt 0 ] || seconds=1
	mkdir -p "$keep/$f" "tests/fuzz/corpus/$f"
	touch "$dir/$f.started"
	printf '== %s: %d s on %d cores\n' "$f" $seconds "$jobs"
	pids=()
	for ((i = 0; i < jobs; i++)); do
		logs+=("$dir/$f.$i.log")
		# shellcheck disable=SC2046 # flags are words
		"$dir/$f" -max_total_time=$seconds -timeout=20 -print_final_stats=1 -reload=5 \
			-verbosity=1 -artifact_prefix="$keep/found/$f-" $(flags "$f") \
			"$keep/$f" "tests/fuzz/corpus/$f" >"$dir/$f.$i.log" 2>&1 &
		pids+=($!)
	done
	for ((i = 0; i < jobs; i++)); do
		wait "${pids[i]}" || { status=1; kill "${pids[@]}" 2>/dev/null; }
	done
	pids=()
	if [ $status = 0 ]; then
		minimise "$f" || status=1
		printf '  ok      %-24s %s, %d kept\n' "$f" "$(rate "${logs[@]}")" \
			"$(find "$keep/$f" -type f | wc -l)"
		return $status
	fi
	printf '  FAIL    %s\n' "$f"
	tell "${logs[@]}"
	findings "$f" | while read -r found; do
		printf '  found   %s\n  replay  %s %s\n' "$found" "$dir/$f" "$found"
	done
	return 1
}

failed=
for f in "$@"; do
	run "$f" || failed="$failed $f"
done
[ -z "$failed" ] || { echo "fuzz: FAILED:$failed"; exit 1; }
echo "fuzz: $# programs, no finding"
