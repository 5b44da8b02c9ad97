#!/bin/sh
# SPDX-License-Identifier: MIT
# lint.sh BUILD-DIR: all static checks; every one runs, the status says if one failed.
out=$1
python=${PYTHON:-/usr/bin/python3}
mkdir -p "$out/lint/cppcheck"
rooms='boot hv mmu vmx svm drivers/host drivers/virt guests'
sources=$(for r in $rooms; do ls "$r"/*.c 2>/dev/null; done)
headers=$(for r in $rooms; do ls "$r"/*.h 2>/dev/null; done)
tests=$(ls tests/unit/*.[ch] tests/fuzz/*.[ch] tests/model/*.[ch] tests/mutate/*.[ch] guests/tiny/*.[ch] guests/tiny/*/*.[ch] \
	guests/images/*.[ch] 2>/dev/null)
failed=

step() { # NAME COMMAND...
	name=$1
	shift
	if "$@" >"$out/lint/$name.log" 2>&1; then
		printf '  ok      %s\n' "$name"
	else
		printf '  FAIL    %s\n' "$name"
		sed 's/^/          /' "$out/lint/$name.log"
		failed="$failed $name"
	fi
}

headers_alone() {
	status=0
	for h in $headers; do
		gcc -std=gnu11 -ffreestanding -mgeneral-regs-only -Wall -Wextra -Werror -I. \
			-fsyntax-only -include "$h" -x c /dev/null || status=1
	done
	return $status
}

# Each suppression with its reason:
#   missingIncludeSystem  the compiler's own headers are not searched
#   unusedFunction is not enabled: headers offer whole sets (port I/O, registers)
#   checkLevelNormal, normalCheckLevelMaxBranches  notes about cppcheck itself
static_analysis() {
	# shellcheck disable=SC2086 # lists of names
	cppcheck --quiet --std=c11 --platform=unix64 --enable=warning,portability,performance \
		--inline-suppr --error-exitcode=1 --cppcheck-build-dir="$out/lint/cppcheck" -j 2 \
		--suppress=missingIncludeSystem -D__x86_64__ -I. $sources
}

format() {
	status=0
	for f in $sources $headers $tests; do
		clang-format --dry-run -Werror "$f" 2>/dev/null ||
			{ echo "$f: make format would change it"; status=1; }
	done
	return $status
}

# Clang's analysis of who holds mmu_lock (I15, mmu/locks.h), and that it does find what is wrong.
thread_safety() {
	status=0
	for f in mmu/*.c; do
		clang -std=gnu11 -fsyntax-only -Wthread-safety -Werror -I. "$f" || status=1
	done
	wrong=$(clang -std=gnu11 -fsyntax-only -Wthread-safety -I. tests/lint/unlocked.c 2>&1 |
		grep -c -e '-Wthread-safety-analysis')
	meant=$(grep -c '/\* wrong: ' tests/lint/unlocked.c)
	[ "$wrong" = "$meant" ] ||
		{ echo "tests/lint/unlocked.c: $wrong of its $meant faults were found"; status=1; }
	return $status
}

# Nobody but the back ends asks for the vendor, and who does is found.
vendors() {
	"$python" tests/lint/vendors.py && "$python" tests/lint/vendors.py tests/lint/asks_vendor.c
}

step includes "$python" tests/lint/includes.py
step vendors vendors
step headers headers_alone
step format format
step cppcheck static_analysis
step thread-safety thread_safety
[ -z "$failed" ] || { echo "lint: FAILED:$failed"; exit 1; }
echo "lint: all passed"
