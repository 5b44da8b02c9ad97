/* SPDX-License-Identifier: MIT */
/*
 * What emulated processors get wrong, each with the way around it; nothing else in vmx/ knows
 * of them. Bochs 2.7 unless said otherwise.
 */
#ifndef VMX_QUIRKS_H
#define VMX_QUIRKS_H

#include "hv/sched.h"

/*
 * Bochs, 1: an entry with the guest's RFLAGS.IF = 0 blocks external-interrupt exits until the
 * guest changes IF or exits for another reason, so that a guest that spins with interrupts off
 * would keep the processor for good. The preemption timer, where there is one, ends each stay
 * in the guest after a time slice: the run loop looks at the clock then. On real processors
 * the interrupt that ends a time slice comes first. Where there is no such timer
 * (core2_penryn_t9600) a guest of that kind holds the machine: nothing else brings it out.
 */
#define QUIRK_LONGEST_STAY_NS SCHED_TICK_NS

/*
 * Bochs, 2: the monitor trap flag of icelake and tigerlake never fires. It is not used.
 *
 * Bochs, 3: in virtual-8086 mode the #GP exit of an INT n carries IDT-vectoring information,
 * though nothing was being delivered. What says of itself that it is a software interrupt is
 * left to the instruction (vmx/event.c), which the #GP has emulated: right for both.
 *
 * Bochs, 4: an NMI by the self shorthand is ignored, and going back from x2APIC to xAPIC kills
 * the local APIC's timer. Neither is done here.
 *
 * Bochs, 5: no TLB entry outlives an exit, so a flush that is forgotten does no harm there. That
 * is proved elsewhere (tests/model).
 */

#endif
