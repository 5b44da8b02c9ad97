/* SPDX-License-Identifier: MIT */
/* The end of the machine, for an invariant of ours that fell; see also panic(). */
#ifndef HV_PANIC_H
#define HV_PANIC_H

/* From now on printk goes to the UART, polled. A second call (a fault while reporting one)
 * stops the machine at once. */
void panic_begin(void);

_Noreturn void panic_end(void);

/* From the NMI handler: if another CPU panics, this one stops here for good. */
void panic_on_nmi(void);

#endif
