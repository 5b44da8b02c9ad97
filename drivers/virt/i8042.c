/* SPDX-License-Identifier: MIT */
/*
 * The 8042 (IBM PS/2 Technical Reference, "Keyboard and Auxiliary Device Controller") and
 * port 0x92. Guarded by the VM's lock.
 *
 * A20 is always on: no guest in the last decades runs with it off, and shadow tables cannot
 * express it. So the A20 bits read as 1 whatever was written.
 */
#include "drivers/virt/i8042.h"

#include "drivers/virt/io_bytes.h"
#include "hv/vm.h"

/* status, port 0x64 */
enum {
	ST_OUTPUT_FULL = 1 << 0,
	ST_SYSTEM = 1 << 2, /* the self-test has passed */
	ST_COMMAND = 1 << 3, /* the last write was to 0x64 */
	ST_UNLOCKED = 1 << 4,
	ST_TIMEOUT = 1 << 6, /* the keyboard does not answer */
};

/* command byte */
enum {
	CB_IRQ = 1 << 0,
	CB_SYSTEM = 1 << 2,
	CB_KEYBOARD_OFF = 1 << 4,
	CB_AUX_OFF = 1 << 5,
	CB_TRANSLATE = 1 << 6,
};

/* commands, port 0x64 */
enum {
	CMD_READ_RAM = 0x20, /* 0x20..0x3f */
	CMD_WRITE_RAM = 0x60, /* 0x60..0x7f, one data byte */
	CMD_SELF_TEST = 0xaa,
	CMD_INTERFACE_TEST = 0xab,
	CMD_KEYBOARD_OFF = 0xad,
	CMD_KEYBOARD_ON = 0xae,
	CMD_READ_INPUT = 0xc0,
	CMD_READ_OUTPUT = 0xd0,
	CMD_WRITE_OUTPUT = 0xd1, /* one data byte */
	CMD_ECHO = 0xd2, /* one data byte, as if from the keyboard */
	CMD_PULSE = 0xf0, /* 0xf0..0xff: output lines whose bit is 0 pulse low */
	RAM_INDEX = 0x1f,
};

enum {
	OUTPUT_NOT_RESET = 1 << 0, /* low resets the processor */
	OUTPUT_A20 = 1 << 1,
	OUTPUT_FULL_IRQ = 1 << 4,
	INPUT_UNLOCKED = 1 << 7,
	SELF_TEST_OK = 0x55,
	INTERFACE_OK = 0x00,
	NO_ANSWER = 0xfe, /* what a controller reports for a missing keyboard */
	PORT92_RESET = 1 << 0,
	PORT92_A20 = 1 << 1,
};

static void i8042_update_irq(struct i8042 *k)
{
	irq_line_set(&k->irq, (k->status & ST_OUTPUT_FULL) && (k->ram[0] & CB_IRQ));
}

static void i8042_answer(struct i8042 *k, uint8_t val)
{
	k->out = val;
	k->status |= ST_OUTPUT_FULL;
	i8042_update_irq(k);
}

static void i8042_output_port(struct i8042 *k, uint8_t val)
{
	if (!(val & OUTPUT_NOT_RESET))
		vm_reset(k->vm, "reset through the keyboard controller");
}

static void i8042_command(struct i8042 *k, uint8_t cmd)
{
	k->status |= ST_COMMAND;
	k->command = 0;
	if (cmd >= CMD_PULSE) {
		i8042_output_port(k, cmd);
		return;
	}
	if ((cmd & ~RAM_INDEX) == CMD_READ_RAM) {
		i8042_answer(k, k->ram[cmd & RAM_INDEX]);
		return;
	}
	switch (cmd) {
	case CMD_SELF_TEST:
		k->status |= ST_SYSTEM;
		k->ram[0] |= CB_SYSTEM;
		i8042_answer(k, SELF_TEST_OK);
		break;
	case CMD_INTERFACE_TEST:
		i8042_answer(k, INTERFACE_OK);
		break;
	case CMD_KEYBOARD_OFF:
		k->ram[0] |= CB_KEYBOARD_OFF;
		break;
	case CMD_KEYBOARD_ON:
		k->ram[0] &= (uint8_t)~CB_KEYBOARD_OFF;
		break;
	case CMD_READ_INPUT:
		i8042_answer(k, INPUT_UNLOCKED);
		break;
	case CMD_READ_OUTPUT:
		i8042_answer(k, OUTPUT_NOT_RESET | OUTPUT_A20 |
					(k->status & ST_OUTPUT_FULL ? OUTPUT_FULL_IRQ : 0));
		break;
	default: /* those that want a data byte; others are not answered, like aux's */
		k->command = cmd;
	}
}

static void i8042_data(struct i8042 *k, uint8_t val)
{
	uint8_t cmd = k->command;

	k->command = 0;
	k->status &= (uint8_t) ~(ST_COMMAND | ST_TIMEOUT);
	if ((cmd & ~RAM_INDEX) == CMD_WRITE_RAM) {
		k->ram[cmd & RAM_INDEX] = val | (cmd == CMD_WRITE_RAM ? CB_AUX_OFF : 0);
		i8042_update_irq(k);
	} else if (cmd == CMD_WRITE_OUTPUT) {
		i8042_output_port(k, val);
	} else if (cmd == CMD_ECHO) {
		i8042_answer(k, val);
	} else if (!cmd) { /* for the keyboard */
		k->status |= ST_TIMEOUT;
		i8042_answer(k, NO_ANSWER);
	}
}

static uint8_t data_read(void *dev, unsigned reg)
{
	struct i8042 *k = dev;

	(void)reg;
	k->status &= (uint8_t) ~(ST_OUTPUT_FULL | ST_TIMEOUT);
	i8042_update_irq(k);
	return k->out;
}

static void data_write(void *dev, unsigned reg, uint8_t val)
{
	(void)reg;
	i8042_data(dev, val);
}

static uint8_t status_read(void *dev, unsigned reg)
{
	struct i8042 *k = dev;

	(void)reg;
	return k->status;
}

static void command_write(void *dev, unsigned reg, uint8_t val)
{
	(void)reg;
	i8042_command(dev, val);
}

static uint8_t port92_read(void *dev, unsigned reg)
{
	struct i8042 *k = dev;

	(void)reg;
	return k->port92 | PORT92_A20;
}

static void port92_write(void *dev, unsigned reg, uint8_t val)
{
	struct i8042 *k = dev;

	(void)reg;
	if (val & ~k->port92 & PORT92_RESET)
		vm_reset(k->vm, "reset through port 92h");
	k->port92 = val;
}

static uint64_t data_io_read(void *dev, uint64_t off, unsigned size)
{
	return io_bytes_read(dev, off, size, data_read);
}

static void data_io_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	io_bytes_write(dev, off, size, val, data_write);
}

static uint64_t command_io_read(void *dev, uint64_t off, unsigned size)
{
	return io_bytes_read(dev, off, size, status_read);
}

static void command_io_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	io_bytes_write(dev, off, size, val, command_write);
}

static uint64_t port92_io_read(void *dev, uint64_t off, unsigned size)
{
	return io_bytes_read(dev, off, size, port92_read);
}

static void port92_io_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	io_bytes_write(dev, off, size, val, port92_write);
}

static const struct io_ops data_ops = { "8042 data", data_io_read, data_io_write };
static const struct io_ops command_ops = { "8042 command", command_io_read, command_io_write };
static const struct io_ops port92_ops = { "port 92h", port92_io_read, port92_io_write };

void i8042_init(struct i8042 *k, struct irq_line irq, struct vm *vm)
{
	*k = (struct i8042){
		.vm = vm,
		.irq = irq,
		.ram = { CB_SYSTEM | CB_KEYBOARD_OFF | CB_AUX_OFF | CB_TRANSLATE },
		.status = ST_SYSTEM | ST_UNLOCKED,
	};
}

int i8042_register(struct i8042 *k, struct iobus *ports)
{
	int err = iobus_add(ports, I8042_DATA_PORT, 1, &data_ops, k);

	if (!err)
		err = iobus_add(ports, I8042_COMMAND_PORT, 1, &command_ops, k);
	return err ? err : iobus_add(ports, PORT92, 1, &port92_ops, k);
}
