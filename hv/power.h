/* SPDX-License-Identifier: MIT */
/* The end of the machine; machine_poweroff() is in hv/sched.h. */
#ifndef HV_POWER_H
#define HV_POWER_H

/* Flush the console and reset the machine; halts where nothing resets it. */
_Noreturn void machine_reset(void);

#endif
