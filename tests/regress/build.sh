#!/bin/sh
# SPDX-License-Identifier: MIT
#
# build.sh CACHE OUT - the kernel's selftests for x86 and memory management, by their own Makefiles:
# OUT/x86 (both widths), OUT/vm-amd64, OUT/vm-i386. What does not compile is missed by pack.sh.
set -eu

cache=$1
out=$2
tests=$cache/source/linux/tools/testing/selftests
# See guests/images/images.mk: gcc -m32 does not look there.
headers="-idirafter /usr/include/$(gcc -print-multiarch)"

make_tests() { # OUTPUT SUBJECT VARIABLE=VALUE...
	output=$1
	subject=$2
	shift 2
	rm -rf "$output"
	mkdir -p "$output"
	make -k -C "$tests/$subject" OUTPUT="$output" "$@" >"$output.log" 2>&1 ||
		echo "regress: not all of the kernel's tests for $subject compile, see $output.log"
}

vm() { # ARCH MACHINE BITS MULTIARCH
	root=$cache/$1/root
	make_tests "$out/vm-$1" vm MACHINE="$2" CC="gcc -m$3" EXTRA_CFLAGS="-I$root/usr/include $headers \
		-L$root/usr/lib/$4 -L$root/lib/$4"
}

mkdir -p "$out"
out=$(cd "$out" && pwd)
make_tests "$out/x86" x86 CC="gcc $headers"
vm amd64 x86_64 64 x86_64-linux-gnu
vm i386 i686 32 i386-linux-gnu
# The Makefile knows it as part of the 64-bit tests only.
cp "$out/vm-amd64/protection_keys_32" "$out/vm-i386/"
