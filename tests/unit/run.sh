#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh DIR NAME...: run unit tests, one line each, the output of those that fail.
# Exit status 1 if one failed.
dir=$1
shift
failed=
for t in "$@"; do
	if timeout 300 "$dir/$t" >"$dir/$t.log" 2>&1; then
		printf '  PASS    %-24s %s\n' "$t" \
			"$(sed -n 's/^.*\[  PASSED  \] \([0-9]* test.*\)\.$/\1/p' "$dir/$t.log")"
	else
		printf '  FAIL    %s\n' "$t"
		sed 's/^/          /' "$dir/$t.log"
		failed="$failed $t"
	fi
done
[ -z "$failed" ] || { echo "unit: FAILED:$failed"; exit 1; }
echo "unit: $# programs passed"
