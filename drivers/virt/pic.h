/* SPDX-License-Identifier: MIT */
/* The pair of 8259A interrupt controllers of a PC (Intel 8259A data sheet, 231468). */
#ifndef DRIVERS_VIRT_PIC_H
#define DRIVERS_VIRT_PIC_H

#include "hv/iobus.h"

#define PIC_MASTER_PORT 0x20 /* 2 ports: ICW1/OCW2/OCW3, then ICW2-4/OCW1 */
#define PIC_SLAVE_PORT 0xa0
#define PIC_ELCR_PORT 0x4d0 /* 2 ports: edge/level control, master and slave */
#define PIC_CASCADE_IRQ 2 /* the master's input that the slave drives */

/* One 8259A. */
struct pic_chip {
	uint8_t irr; /* requests: latched edges and high level inputs */
	uint8_t isr; /* in service */
	uint8_t imr; /* masked */
	uint8_t lines; /* inputs as they are */
	uint8_t level; /* inputs that are level-triggered (ELCR) */
	uint8_t base; /* vector of IR0 (ICW2) */
	uint8_t lowest; /* input of lowest priority; 7 unless rotated */
	uint8_t icw; /* next initialization word expected: 2..4; 0: operational */
	bool wants_icw4;
	bool single; /* ICW1.SNGL: there is no ICW3 */
	bool auto_eoi; /* ICW4.AEOI */
	bool rotate_aeoi; /* OCW2 rotate in automatic EOI mode */
	bool nested; /* ICW4.SFNM: special fully nested mode */
	bool special_mask; /* OCW3.SMM */
	bool read_isr; /* OCW3: port 0 reads ISR, else IRR */
	bool poll; /* OCW3.P: the next read is an acknowledge */
};

struct pic {
	struct pic_chip chip[2]; /* 0: master */
	bool intr; /* the master's INT output */
	void (*intr_changed)(void *arg, bool level); /* INT went up or down */
	void *arg;
};

/* Power-on state, everything masked. `intr_changed` is called from any of the below. */
void pic_init(struct pic *p, void (*intr_changed)(void *arg, bool level), void *arg);

/* Input 0..15; true is asserted. Input 2 does not exist (the cascade). */
void pic_set_irq(struct pic *p, unsigned irq, bool level);

/* INTA cycle: the vector. With nothing pending, the spurious IR7 of the data sheet. */
uint8_t pic_acknowledge(struct pic *p);

must_check int pic_register(struct pic *p, struct iobus *ports);

#endif
