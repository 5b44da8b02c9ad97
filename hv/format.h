/* SPDX-License-Identifier: MIT */
/* The formatter behind printk and snprintf; conversions as listed in hv/print.h. */
#ifndef HV_FORMAT_H
#define HV_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* Takes the text in pieces of any length. */
struct format_out {
	void (*put)(struct format_out *out, const char *text, size_t n);
};

/* Format to `out`; returns the length of the whole text. */
int format_text(struct format_out *out, const char *fmt, va_list ap);

#endif
