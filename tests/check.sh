#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check.sh STEP... - make each step in turn, with all its output; then one closing line,
# "N passed, N failed", over the lints, unit tests and system tests. A failed step does not
# keep the others from running, unless it is the build. Logs: build/logs/check-STEP.log.
set -u -o pipefail

logs=build/logs
mkdir -p "$logs"
passed=0
failed=0
start=$SECONDS
export PYTHONUNBUFFERED=1

# What the steps print: lint.sh and unit/run.sh one line each ("ok", "PASS ... N test(s)",
# "FAIL"), pytest its summary ("== 3 failed, 40 passed, 1 error in 5.0s ==").
count() { # LOG -> "PASSED FAILED"
	awk '
		/^  ok /	{ p++ }
		/^  PASS /	{ n = 1; for (i = 3; i <= NF; i++) if ($(i) ~ /^test/) n = $(i - 1); p += n }
		/^  FAIL /	{ f++ }
		/^=.* in [0-9.:]+s/ {
			for (i = 2; i <= NF; i++) {
				if ($(i) ~ /^passed/) p += $(i - 1)
				if ($(i) ~ /^(failed|error)/) f += $(i - 1)
			}
		}
		END { print p + 0, f + 0 }' "$1"
}

for step in "$@"; do
	printf '== %s (%d s so far)\n' "$step" $((SECONDS - start))
	log=$logs/check-$step.log
	"${MAKE:-make}" --no-print-directory "$step" </dev/null 2>&1 | tee "$log"
	status=$?
	read -r p f < <(count "$log")
	[ $status = 0 ] || [ "$f" -gt 0 ] || f=1
	passed=$((passed + p))
	failed=$((failed + f))
	[ $status = 0 ] || echo "check: $step FAILED, see $log"
	[ $status = 0 ] || [ "$step" != all ] || break
done

echo "check: $* in $((SECONDS - start)) s"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
