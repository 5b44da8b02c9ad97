#!/bin/sh
# SPDX-License-Identifier: MIT
# Make a hybrid ISO (BIOS and UEFI, CD and USB stick) that boots xihv through GRUB.
#
#   boot/mkiso.sh -o OUT.iso -k xihv.elf [-c CMDLINE] [-p multiboot|multiboot2]
#                 [-m "HOST-FILE WORDS..."]... [-f FILE-OF-SUCH-LINES]
#
# Modules keep their order; the file's name in the ISO is its base name.
set -eu

out= kernel= cmdline='console=com1,115200' proto=multiboot2
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
: >"$stage/modules"

while getopts o:k:c:p:m:f: opt; do
	case $opt in
	o) out=$OPTARG ;;
	k) kernel=$OPTARG ;;
	c) cmdline=$OPTARG ;;
	p) proto=$OPTARG ;;
	m) printf '%s\n' "$OPTARG" >>"$stage/modules" ;;
	f) cat "$OPTARG" >>"$stage/modules" ;;
	*) exit 2 ;;
	esac
done
[ -n "$out" ] && [ -n "$kernel" ] || { echo "mkiso: -o and -k are needed" >&2; exit 2; }
case $proto in
multiboot) module=module ;;
multiboot2) module=module2 ;;
*) echo "mkiso: -p takes multiboot or multiboot2" >&2; exit 2 ;;
esac

mkdir -p "$stage/iso/boot/grub"
cp "$kernel" "$stage/iso/boot/xihv.elf"
{
	printf 'set timeout=0\nset default=0\ninsmod all_video\n'
	printf 'menuentry "xihv" {\n\t%s /boot/xihv.elf %s\n' "$proto" "$cmdline"
	while read -r file words; do
		[ -n "$file" ] || continue
		base=$(basename "$file")
		[ -e "$stage/iso/boot/$base" ] || cp "$file" "$stage/iso/boot/$base"
		printf '\t%s /boot/%s %s\n' "$module" "$base" "$words"
	done <"$stage/modules"
	printf '}\n'
} >"$stage/iso/boot/grub/grub.cfg"

grub-mkrescue -o "$out" "$stage/iso" >"$stage/log" 2>&1 || { cat "$stage/log" >&2; exit 1; }
