/* SPDX-License-Identifier: MIT */
/* Error numbers, with the values that every Unix gives them. Returned negative. */
#ifndef HV_ERRNO_H
#define HV_ERRNO_H

#define ENOENT 2
#define EIO 5
#define ENOEXEC 8
#define ENOMEM 12
#define EFAULT 14
#define EBUSY 16
#define EEXIST 17
#define ENODEV 19
#define EINVAL 22
#define ENOSPC 28
#define ENOTSUP 95

#endif
