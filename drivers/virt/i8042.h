/* SPDX-License-Identifier: MIT */
/*
 * The keyboard controller's ports 0x60/0x64 with nothing plugged in, and port 0x92: what is
 * left of them on a PC without a keyboard is the reset line. The FADT says that there is
 * no 8042 for an OS to drive; one that looks all the same finds a working controller
 * without a keyboard.
 */
#ifndef DRIVERS_VIRT_I8042_H
#define DRIVERS_VIRT_I8042_H

#include "drivers/virt/irq_line.h"
#include "hv/iobus.h"

#define I8042_DATA_PORT 0x60
#define I8042_COMMAND_PORT 0x64
#define PORT92 0x92
#define I8042_RAM_SIZE 32

struct vm;

struct i8042 {
	struct vm *vm; /* for reset */
	struct irq_line irq; /* IRQ 1: output buffer full */
	uint8_t ram[I8042_RAM_SIZE]; /* byte 0: the command byte */
	uint8_t status, out; /* output buffer */
	uint8_t command; /* waits for its data byte; 0: none */
	uint8_t port92;
};

void i8042_init(struct i8042 *k, struct irq_line irq, struct vm *vm);
must_check int i8042_register(struct i8042 *k, struct iobus *ports);

#endif
