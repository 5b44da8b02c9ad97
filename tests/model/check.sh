#!/bin/sh
# SPDX-License-Identifier: MIT
# check.sh DIR OPS AUDITED: random streams of fixed seeds, OPS steps with an audit at the end of each
# stream, AUDITED steps with a full audit after every step; and the recordings. One line each; exit
# status 1 if there was a difference.
dir=$1
failed=

run() { # NAME PROGRAM ARGUMENTS...
	name=$1 program=$2
	shift 2
	if "$dir/$program" "$@" >"$dir/$name.log" 2>&1; then
		printf '  PASS    %-24s 1 test(s): %s\n' "$name" "$(tail -n 1 "$dir/$name.log")"
	else
		printf '  FAIL    %s\n' "$name"
		sed 's/^/          /' "$dir/$name.log"
		failed=1
	fi
}

run model_streams run "$2" 1
run model_audited run "$3" 2 1
run model_recorder record 100000 2
run model_recordings replay tests/model/recordings/*
[ -z "$failed" ] || { echo "model: FAILED"; exit 1; }
