#!/bin/sh
# SPDX-License-Identifier: MIT
#
# pack.sh amd64|i386 CACHE BUILT OUT - the part of an initrd that holds the regression load: rc, the list, the
# kernel's tests from BUILT (build.sh) and stress-ng, each with the libraries that it is linked
# with. It goes behind a stock initrd (the kernel takes archives one after the other).
set -eu

here=$(dirname "$0")
arch=$1
cache=$2
built=$3
out=$4
root=$out.root

die() { echo "regress: error: $*" >&2; exit 1; }

# A library lies where Debian's loader looks for it without a cache.
add_libraries() { # PROGRAM
	case $(readelf -h "$1") in
	*ELF64*) from=$cache/amd64/root dir=lib/x86_64-linux-gnu ;;
	*) from=$cache/i386/root dir=lib/i386-linux-gnu ;;
	esac
	loader=$(readelf -lW "$1" | sed -n 's/.*program interpreter: \/\(.*\)\]/\1/p')
	if [ -n "$loader" ] && [ ! -e "$root/$loader" ]; then
		mkdir -p "$root/$(dirname "$loader")"
		cp -L "$from/$dir/$(basename "$loader")" "$root/$loader"
	fi
	# libgcc: the C library opens it when a thread is cancelled.
	for library in libgcc_s.so.1 $(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
		[ ! -e "$root/$dir/$library" ] || continue
		mkdir -p "$root/$dir"
		cp -L "$from/$dir/$library" "$root/$dir/" 2>/dev/null ||
			cp -L "$from/usr/$dir/$library" "$root/$dir/" 2>/dev/null ||
			die "$1 needs $library, which no package of tests/regress/debs holds"
		(add_libraries "$root/$dir/$library")
	done
}

add_program() { # FILE DIRECTORY
	mkdir -p "$root/$2"
	cp "$1" "$root/$2/"
	strip "$root/$2/$(basename "$1")"
	add_libraries "$1"
}

# Nothing is dropped silently: what was built is in the list, what the list runs was built.
check_list() {
	case $arch in
	amd64) bits=64 ;;
	*) bits=32 ;;
	esac
	for program in "$root"/regress/x86/* "$root"/regress/vm/*; do
		program=$(basename "$(dirname "$program")")/$(basename "$program")
		grep -q -e " $program\( \|$\)" -e " skip $(echo "$program" | tr / :) " "$here/load" ||
			die "tests/regress/load says nothing of $program"
	done
	for program in $(grep -E "^(all|$bits) (test|time)" "$here/load" | grep -oE ' (x86|vm)/[^ ]+'); do
		[ -e "$root/regress/$program" ] || die "$program was not built, see $built"
	done
}

rm -rf "$root"
mkdir -p "$root/etc" "$root/regress"
for program in "$built"/x86/* "$built/vm-$arch"/*; do
	[ -f "$program" ] && [ -x "$program" ] || continue
	case $arch:$program in
	i386:*/x86/*_64) continue ;;
	*/x86/*) add_program "$program" regress/x86 ;;
	*) add_program "$program" regress/vm ;;
	esac
done
add_program "$cache/$arch/root/usr/bin/stress-ng" usr/bin
check_list

install -m 755 "$here/rc" "$root/etc/rc"
install -m 644 "$here/load" "$root/regress/load"
echo 'root:x:0:0::/root:/bin/sh
nobody:x:65534:65534::/:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:
nogroup:x:65534:' >"$root/etc/group"
find "$root" -exec touch -h -d @0 {} +
(cd "$root" && find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc --owner=0:0) |
	gzip -9n >"$out.new"
mv "$out.new" "$out"
rm -rf "$root"
