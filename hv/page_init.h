/* SPDX-License-Identifier: MIT */
/* Bring-up of the page allocator; everybody else wants hv/page.h. */
#ifndef HV_PAGE_INIT_H
#define HV_PAGE_INIT_H

#include "hv/memmap.h"

/* Take over all that is free in `m`. After paging_init; boot CPU. */
void page_init(struct memmap *m);

#endif
