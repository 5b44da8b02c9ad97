#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fetch.sh FLAVOUR... - Debian's stock kernel and static busybox, by package name.
#
# FLAVOUR is amd64, 686-pae or 686. What comes is kept in
# ${XIHV_CACHE:-${XDG_CACHE_HOME:-~/.cache}/xihv}, as FLAVOUR/vmlinuz, FLAVOUR/busybox and
# FLAVOUR/version; when it is there nothing is fetched and no network is needed.
# XIHV_REFRESH=1 asks the mirror again.
set -eu

who=images
# shellcheck source=guests/images/apt.sh
. "$(dirname "$0")/apt.sh"

arch_of() {
	case $1 in
	amd64) echo amd64 ;;
	686-pae | 686) echo i386 ;;
	*) die "unknown flavour '$1': expected amd64, 686-pae or 686" ;;
	esac
}

have() { [ -s "$cache/$1/vmlinuz" ] && [ -s "$cache/$1/busybox" ] && [ -s "$cache/$1/version" ]; }

# linux-image-amd64 is a metapackage: the kernel is in what it depends on.
kernel_package() { # FLAVOUR
	apt-cache -c "$conf" --no-recommends --no-suggests depends "linux-image-$1" |
		sed -n "s/^ *|*Depends: \(linux-image-[0-9][^ ]*\)\$/\1/p" | grep -v -- -unsigned | head -n 1
}

fetch() { # FLAVOUR
	flavour=$1
	arch=$(arch_of "$flavour")
	need_debian "put vmlinuz, busybox and version into $cache/$flavour/ by hand"
	apt_open "$arch"
	[ -n "$(newest "linux-image-$flavour")" ] ||
		die "apt knows no linux-image-$flavour: no network and nothing cached in $cache," \
			"or /etc/apt names no Debian mirror that has it"
	kernel=$(kernel_package "$flavour")
	[ -n "$kernel" ] || die "linux-image-$flavour depends on no kernel image"

	new=$cache/.new-$flavour
	rm -rf "$new"
	mkdir -p "$new/root"
	download "$new" "$kernel" busybox-static
	version=$(newest "$kernel")
	say "unpacking $kernel"
	for deb in "$new"/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" |
			tar -x -C "$new/root" --wildcards --no-anchored 'vmlinuz-*' 'busybox' 2>/dev/null || true
	done
	cp "$new"/root/boot/vmlinuz-* "$new/vmlinuz"
	find "$new/root" -type f -path '*/bin/busybox' -exec cp {} "$new/busybox" \;
	[ -s "$new/busybox" ] || die "busybox-static has no busybox"
	echo "$kernel $version" >"$new/version"
	mkdir -p "$cache/$flavour"
	for f in vmlinuz busybox version; do
		mv "$new/$f" "$cache/$flavour/$f"
	done
	rm -rf "$new"
}

[ $# -gt 0 ] || die "usage: fetch.sh amd64|686-pae|686 ..."
lock_cache
for flavour in "$@"; do
	arch_of "$flavour" >/dev/null
	if [ -z "${XIHV_REFRESH:-}" ] && have "$flavour"; then
		say "$flavour: $(cat "$cache/$flavour/version") (cached)"
	else
		fetch "$flavour"
		say "$flavour: $(cat "$cache/$flavour/version")"
	fi
done
