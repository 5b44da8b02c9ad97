#!/bin/sh
# SPDX-License-Identifier: MIT
# Install what is missing of the Debian packages named as arguments. Says what it will do
# before it does it; uses sudo if not root; touches neither network nor system when
# everything is there.
set -eu

if ! command -v dpkg-query >/dev/null 2>&1; then
	echo "setup: this is no Debian system; building and testing xihv need what these"
	echo "setup: Debian packages hold, please install them by your system's means:"
	echo "$@" | fold -s -w 76 | sed 's/^/setup:   /'
	missing=
	for tool in gcc make nasm iasl qemu-system-x86_64 grub-mkrescue xorriso python3; do
		command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
	done
	[ -z "$missing" ] && exit 0
	echo "setup: not found on this system:$missing"
	exit 1
fi

missing=
for p in "$@"; do
	# one line for each architecture that the package is known for
	dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed ||
		missing="$missing $p"
done
[ -z "$missing" ] && exit 0

echo "setup: these packages are missing and will be installed by apt-get:"
echo "setup:  $missing"
sudo=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		echo "setup: you are not root and there is no sudo; as root, run:"
		echo "setup:   apt-get install --no-install-recommends$missing"
		exit 1
	fi
	sudo=sudo
fi
# shellcheck disable=SC2086 # the list is meant to be split
install_missing() {
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
}
# With package lists that are there and fresh enough no update is needed.
if ! install_missing; then
	echo "setup: updating the package lists and trying once more"
	$sudo apt-get update
	install_missing
fi
