#!/bin/sh
# SPDX-License-Identifier: MIT
#
# mkinitrd.sh BUSYBOX LOAD OUT - pack the guests' initial root file system.
#
# Needs no root: owners are set by cpio, device nodes come from devtmpfs. The same input
# gives the same bytes, so that runs under -icount can be compared.
set -eu

here=$(dirname "$0")
busybox=$1
load=$2
out=$3
root=$out.root

rm -rf "$root"
mkdir -p "$root/bin" "$root/dev" "$root/etc" "$root/proc" "$root/root" "$root/sys" "$root/tmp"
install -m 755 "$busybox" "$root/bin/busybox"
install -m 755 "$load" "$root/bin/load"
install -m 755 "$here/init" "$root/init"
install -m 755 "$here/rc" "$root/etc/rc"
install -m 644 "$here/inittab" "$here/profile" "$root/etc/"
ln -s busybox "$root/bin/sh"
find "$root" -exec touch -h -d @0 {} +
(cd "$root" && find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc --owner=0:0) |
	gzip -9n >"$out.new"
mv "$out.new" "$out"
rm -rf "$root"
