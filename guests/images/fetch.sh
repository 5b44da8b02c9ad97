#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fetch.sh FLAVOUR... - Debian's stock kernel and static busybox, by package name.
#
# FLAVOUR is amd64, 686-pae or 686. What comes is kept in
# ${XIHV_CACHE:-${XDG_CACHE_HOME:-~/.cache}/xihv}, as FLAVOUR/vmlinuz, FLAVOUR/busybox and
# FLAVOUR/version; when it is there nothing is fetched and no network is needed.
# XIHV_REFRESH=1 asks the mirror again.
#
# The user's apt and dpkg are only read (sources, keys, proxies): lists, cache and status are
# private directories, and hooks that apt would run after an update are cleared.
set -eu

cache=${XIHV_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/xihv}
wait_for_lock=900 # seconds

say() { printf 'images: %s\n' "$*"; }
die() { printf 'images: error: %s\n' "$*" >&2; exit 1; }

arch_of() {
	case $1 in
	amd64) echo amd64 ;;
	686-pae | 686) echo i386 ;;
	*) die "unknown flavour '$1': expected amd64, 686-pae or 686" ;;
	esac
}

have() { [ -s "$cache/$1/vmlinuz" ] && [ -s "$cache/$1/busybox" ] && [ -s "$cache/$1/version" ]; }

need_debian() {
	id=unknown
	# shellcheck source=/dev/null
	[ -r /etc/os-release ] && id=$(. /etc/os-release && echo "${ID:-unknown}")
	[ "$id" = debian ] || die "the stock guests come through apt from Debian; this system is '$id'." \
		"Put vmlinuz, busybox and version into $cache/FLAVOUR/ by hand, or use Debian 12."
	for tool in apt-get apt-cache dpkg-deb; do
		command -v $tool >/dev/null || die "$tool is missing"
	done
}

# apt's private state for one architecture; $conf is used by the functions below.
apt_setup() { # ARCH
	state=$cache/apt-$1
	conf=$state/apt.conf
	mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
	: >"$state/status"
	cat >"$conf" <<-END
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		#clear APT::Architectures;
		#clear Acquire::IndexTargets::deb::DEP-11;
		APT::Architecture "$1";
		APT::Architectures { "$1"; };
		APT::Sandbox::User "root";
		APT::Get::List-Cleanup "false";
		Acquire::Languages "none";
		Acquire::Retries "3";
		Dir::State "$state";
		Dir::State::lists "$state/lists";
		Dir::State::status "$state/status";
		Dir::State::extended_states "$state/extended_states";
		Dir::Cache "$state/cache";
		Dir::Cache::archives "$state/cache/archives";
		Dir::Log "$state";
	END
}

# An index can be out of step on the mirror for a while, or a third party's source be away:
# go on with those that came.
apt_update() { # ARCH
	say "reading Debian's package lists for $1 (private copy in $state)"
	apt-get -c "$conf" -q update || say "some package lists did not come; going on with the others"
}

newest() { # PACKAGE -> its candidate version, or nothing
	apt-cache -c "$conf" policy "$1" | sed -n 's/^  Candidate: //p' | grep -v '^(none)$' || true
}

# linux-image-amd64 is a metapackage: the kernel is in what it depends on.
kernel_package() { # FLAVOUR
	apt-cache -c "$conf" --no-recommends --no-suggests depends "linux-image-$1" |
		sed -n "s/^ *|*Depends: \(linux-image-[0-9][^ ]*\)\$/\1/p" | grep -v -- -unsigned | head -n 1
}

download() { # PACKAGE DIRECTORY
	say "downloading $1 $(newest "$1")"
	(cd "$2" && apt-get -c "$conf" -q download "$1") ||
		die "download of $1 failed: is the network there?"
}

fetch() { # FLAVOUR
	flavour=$1
	arch=$(arch_of "$flavour")
	need_debian
	apt_setup "$arch"
	if [ -z "${updated:-}" ] || [ "$updated" != "$arch" ]; then
		apt_update "$arch"
		updated=$arch
	fi
	[ -n "$(newest "linux-image-$flavour")" ] ||
		die "apt knows no linux-image-$flavour: no network and nothing cached in $cache," \
			"or /etc/apt names no Debian mirror that has it"
	kernel=$(kernel_package "$flavour")
	[ -n "$kernel" ] || die "linux-image-$flavour depends on no kernel image"

	new=$cache/.new-$flavour
	rm -rf "$new"
	mkdir -p "$new/root"
	download "$kernel" "$new"
	download busybox-static "$new"
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
mkdir -p "$cache"
exec 9>"$cache/lock"
flock -w $wait_for_lock 9 || die "another run has held $cache/lock for $wait_for_lock seconds"
for flavour in "$@"; do
	arch_of "$flavour" >/dev/null
	if [ -z "${XIHV_REFRESH:-}" ] && have "$flavour"; then
		say "$flavour: $(cat "$cache/$flavour/version") (cached)"
	else
		fetch "$flavour"
		say "$flavour: $(cat "$cache/$flavour/version")"
	fi
done
