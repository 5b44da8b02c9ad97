/* SPDX-License-Identifier: MIT */
/* The end of the machine. */
#ifndef HV_POWER_H
#define HV_POWER_H

/* Flush the console and power off through ACPI or an emulator's port; halts, and says so,
 * where neither works. */
_Noreturn void machine_poweroff(void);

/* Flush the console and reset the machine; halts where nothing resets it. */
_Noreturn void machine_reset(void);

#endif
