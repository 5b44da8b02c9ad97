/* SPDX-License-Identifier: MIT */
/* What tests/unit/host_print.c gives to the tests beside hv/print.h. */
#ifndef TESTS_UNIT_HOST_PRINT_H
#define TESTS_UNIT_HOST_PRINT_H

#include "hv/print.h"

#define HOST_PRINTK_BYTES 65536

/* All that printk wrote since the latest clear, NUL-terminated (at least its last 32 KiB). */
extern char host_printk_buf[HOST_PRINTK_BYTES];
void host_printk_clear(void);

#endif
