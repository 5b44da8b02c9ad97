/* SPDX-License-Identifier: MIT */
/* libopcodes, which wants its output printed. Single-threaded. */
#include "tests/fuzz/emul_opcodes.h"

#define PACKAGE "xihv" /* <bfd.h> wants to be told */
#define PACKAGE_VERSION "0"
#include <dis-asm.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char line[256];
static size_t used;

static int append(const char *fmt, va_list ap)
{
	int n = vsnprintf(line + used, sizeof(line) - used, fmt, ap);

	if (n > 0)
		used += (size_t)n < sizeof(line) - used ? (size_t)n : sizeof(line) - used - 1;
	return n;
}

static int print_plain(void *stream, const char *fmt, ...)
{
	va_list ap;
	int n;

	(void)stream;
	va_start(ap, fmt);
	n = append(fmt, ap);
	va_end(ap);
	return n;
}

static int print_styled(void *stream, enum disassembler_style style, const char *fmt, ...)
{
	va_list ap;
	int n;

	(void)stream;
	(void)style;
	va_start(ap, fmt);
	n = append(fmt, ap);
	va_end(ap);
	return n;
}

/* Past the end there is nothing; the disassembler says so itself. */
static void ignore_memory_error(int status, bfd_vma at, struct disassemble_info *info)
{
	(void)status;
	(void)at;
	(void)info;
}

unsigned opcodes_length(const uint8_t *bytes, size_t n, unsigned mode, const char **text)
{
	struct disassemble_info info;
	int len;

	init_disassemble_info(&info, NULL, print_plain, print_styled);
	info.arch = bfd_arch_i386;
	info.mach = mode == 8	? bfd_mach_x86_64
		    : mode == 4 ? bfd_mach_i386_i386
				: bfd_mach_i386_i8086;
	info.buffer = (bfd_byte *)bytes;
	info.buffer_length = n;
	info.memory_error_func = ignore_memory_error;
	disassemble_init_for_target(&info);
	used = 0;
	line[0] = '\0';
	len = disassembler(bfd_arch_i386, false, info.mach, NULL)(0, &info);
	disassemble_free_target(&info);
	*text = line;
	return len < 1 || strstr(line, "(bad)") ? 0 : (unsigned)len;
}
