/* SPDX-License-Identifier: MIT */
/* What the library's functions return, negated: as in hv/errno.h, which mmu/ must not see. */
#ifndef MMU_ERRNO_H
#define MMU_ERRNO_H

#define ENOMEM 12
#define EBUSY 16
#define EINVAL 22

#endif
