#!/bin/sh
# SPDX-License-Identifier: MIT
# check.sh DIR OPS AUDITED: random streams of fixed seeds, OPS steps with an audit at the end of each
# stream, AUDITED steps with a full audit after every step. One line each; exit status 1
# if there was a difference.
dir=$1
failed=

run() { # NAME ARGUMENTS...
	name=$1
	shift
	if "$dir/run" "$@" >"$dir/$name.log" 2>&1; then
		printf '  PASS    %-24s 1 test(s): %s\n' "$name" "$(tail -n 1 "$dir/$name.log")"
	else
		printf '  FAIL    %s\n' "$name"
		sed 's/^/          /' "$dir/$name.log"
		failed=1
	fi
}

run model_streams "$2" 1
run model_audited "$3" 2 1
[ -z "$failed" ] || { echo "model: FAILED"; exit 1; }
