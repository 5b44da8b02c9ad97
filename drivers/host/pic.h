/* SPDX-License-Identifier: MIT */
/* The host's 8259A pair (Intel 8259A data sheet): silenced, or used where no IOAPIC is. */
#ifndef DRIVERS_HOST_PIC_H
#define DRIVERS_HOST_PIC_H

/* Interrupts 0..15 go to vectors base..base+15, all masked. `base` is a multiple of 8. */
void i8259_init(unsigned base);

void i8259_unmask(unsigned irq);

/* For irq_register: end of the interrupt that came by `vector`. */
void i8259_eoi(unsigned vector);

#endif
