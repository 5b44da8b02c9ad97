# SPDX-License-Identifier: MIT
# `nm -n` of the image in, NASM out: the table of functions for backtraces (hv/symbols.c).
# Pairs of (offset from IMAGE_VMA, offset of the name), ascending. The compiler's copies and
# parts of a function go by its name; NASM's local labels are left out.
{ gsub(/\.(lto_priv|isra|constprop|part|cold)(\.[0-9]+)*/, "", $3) }
$2 ~ /^[tT]$/ && $1 ~ /^ffffffff8/ && $3 !~ /\./ && $3 !~ /^image_/ {
	addr[n] = substr($1, 9)
	name[n++] = $3
}
END {
	print "section symbols progbits alloc noexec nowrite align=8"
	print "global symbol_count, symbol_table, symbol_names"
	print "symbol_count: dq " n + 0
	print "symbol_table:"
	for (i = 0; i < n; i++) {
		printf "dd 0x%s - 0x80000000, %d\n", addr[i], off
		off += length(name[i]) + 1
	}
	print "symbol_names:"
	for (i = 0; i < n; i++)
		printf "db \"%s\", 0\n", name[i]
}
