#!/bin/sh
# SPDX-License-Identifier: MIT
# replay.sh DIR NAME...: each fuzzer once over every file of its committed corpus; one line
# each, the output of those that fail. Exit status 1 if one failed or has no corpus.
dir=$1
shift
failed=
for f in "$@"; do
	corpus=tests/fuzz/corpus/$f
	files=$(find "$corpus" -type f 2>/dev/null | sort)
	log=$dir/$f.replay.log
	# shellcheck disable=SC2086 # a list of names without blanks
	if [ -z "$files" ]; then
		echo "no corpus in $corpus" >"$log"
	elif timeout 300 "$dir/$f" -timeout=20 -artifact_prefix="$dir/$f-" $files >"$log" 2>&1; then
		printf '  PASS    %-24s %s test(s)\n' "$f" "$(echo "$files" | wc -l)"
		continue
	fi
	printf '  FAIL    %s\n' "$f"
	sed 's/^/          /' "$log"
	failed="$failed $f"
done
[ -z "$failed" ] || { echo "fuzz-replay: FAILED:$failed"; exit 1; }
echo "fuzz-replay: $# programs passed"
