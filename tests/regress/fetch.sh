#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fetch.sh amd64|i386|source... - what the regression load is made of, by package name.
#
# For an architecture: the packages that debs.ARCH and debs name, unpacked (not installed) into
# regress/ARCH/root below the cache (guests/images/apt.sh), and their versions in regress/ARCH/have/.
# `source`: the kernel's own tests out of linux-source, in regress/source/linux. A package that is
# there is not fetched again, and when all are no network is needed.
set -eu

here=$(dirname "$0")
who=regress
# shellcheck source=guests/images/apt.sh
. "$here/../../guests/images/apt.sh"

linux_source=linux-source-6.1
# Of the kernel's tree: the tests, and what they include from elsewhere.
source_parts='*/tools/testing/selftests */tools/include */tools/scripts */scripts/subarch.include
	*/mm/gup_test.h */lib/test_hmm_uapi.h */include/vdso */arch/x86/include/asm/desc_defs.h'

new=$cache/regress/.new

names() { # LIST -> the packages that it names
	sed 's/#.*//' "$1"
}

get() { # ROOT HAVE PACKAGE... - unpack these into ROOT, write their versions into HAVE/
	root=$1
	have=$2
	shift 2
	rm -rf "$new"
	mkdir -p "$new" "$root" "$have"
	download "$new" "$@"
	for deb in "$new"/*.deb; do
		dpkg-deb -x "$deb" "$root"
		dpkg-deb -f "$deb" Version >"$have/$(dpkg-deb -f "$deb" Package)"
	done
	rm -rf "$new"
}

fetch_packages() { # ARCH
	dir=$cache/regress/$1
	missing=
	for package in $(names "$here/debs") $(names "$here/debs.$1"); do
		[ -e "$dir/have/$package" ] || missing="$missing $package"
	done
	if [ -n "$missing" ]; then
		need_debian "unpack into $dir/root by hand:$missing"
		apt_open "$1"
		# shellcheck disable=SC2086 # a list of names
		get "$dir/root" "$dir/have" $missing
	fi
	say "$1: stress-ng $(cat "$dir/have/stress-ng")"
}

fetch_source() {
	dir=$cache/regress/source
	if [ ! -e "$dir/have/$linux_source" ]; then
		need_debian "unpack the kernel's source into $dir/linux by hand"
		apt_open amd64
		rm -rf "$dir"
		get "$dir/root" "$dir/new-have" $linux_source
		say "unpacking the kernel's tests"
		mkdir "$dir/linux"
		# shellcheck disable=SC2086 # a list of patterns
		(set -f && tar -xf "$dir/root/usr/src/$linux_source.tar.xz" -C "$dir/linux" \
			--strip-components=1 --wildcards $source_parts)
		rm -rf "$dir/root"
		mv "$dir/new-have" "$dir/have"
	fi
	say "kernel's tests: $linux_source $(cat "$dir/have/$linux_source")"
}

lock_cache
for what in "$@"; do
	case $what in
	amd64 | i386) fetch_packages "$what" ;;
	source) fetch_source ;;
	*) die "unknown '$what': expected amd64, i386 or source" ;;
	esac
done
