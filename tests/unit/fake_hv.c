/* SPDX-License-Identifier: MIT */
/* See fake_hv.h. One thread, no locks but to see that they are held where they must be. */
#include "tests/unit/fake_hv.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "drivers/virt/irq_line.h"
#include "hv/guest_mem.h"
#include "hv/page.h"
#include "hv/percpu.h"
#include "hv/timer.h"

#define ARCH_SET_GS 0x1001 /* asm/prctl.h */

uint64_t fake_ns;
unsigned fake_kicks, fake_nmis, fake_resets, fake_poweroffs, fake_timer_calls;
char fake_reason[128];
uint8_t fake_memory[0x100000];
char fake_out[4096];
unsigned fake_out_len, fake_out_room;

static struct percpu cpu;
static struct timer *timers;
static char typed[256];
static unsigned typed_head, typed_len;
static uint64_t seed;

void fake_reset(void)
{
	fake_ns = 1000 * NSEC_PER_SEC;
	fake_kicks = fake_nmis = fake_resets = fake_poweroffs = fake_timer_calls = 0;
	fake_reason[0] = 0;
	memset(fake_memory, 0, sizeof(fake_memory));
	memset(fake_out, 0, sizeof(fake_out));
	fake_out_len = 0;
	fake_out_room = sizeof(fake_out) - 1;
	timers = NULL;
	typed_head = typed_len = 0;
	seed = 88172645463325252;
	cpu = (struct percpu){ .self = &cpu };
	assert(!syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu));
}

void fake_set_current(struct vcpu *v)
{
	cpu.current = v;
}

uint64_t clock_ns(void)
{
	return fake_ns;
}

uint64_t clock_wall_seconds(void)
{
	return FAKE_WALL;
}

uint64_t tsc_hz(void)
{
	return FAKE_TSC_HZ;
}

uint64_t tsc_to_ns(uint64_t ticks)
{
	return ticks / 2;
}

uint64_t ns_to_tsc(uint64_t ns)
{
	return ns * 2;
}

uint64_t vcpu_tsc(const struct vcpu *v)
{
	return fake_ns * 2 + v->tsc_offset;
}

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	*t = (struct timer){ .fn = fn };
}

void timer_cancel(struct timer *t)
{
	struct timer **p = &timers;

	while (*p && *p != t)
		p = &(*p)->next;
	if (*p)
		*p = t->next;
	t->armed = false;
}

void timer_set(struct timer *t, uint64_t deadline)
{
	struct timer **p = &timers;

	timer_cancel(t);
	while (*p && (*p)->deadline <= deadline)
		p = &(*p)->next;
	t->deadline = deadline;
	t->armed = true;
	t->next = *p;
	*p = t;
}

uint64_t fake_next_timer(void)
{
	return timers ? timers->deadline : 0;
}

static void run_due(void)
{
	struct timer *t;

	while (timers && timers->deadline <= fake_ns) {
		t = timers;
		timers = t->next;
		t->armed = false;
		fake_timer_calls++;
		t->fn(t);
		assert(!t->armed || t->deadline > fake_ns); /* no endless loop */
	}
}

void fake_advance(uint64_t ns)
{
	uint64_t end = fake_ns + ns;

	while (timers && timers->deadline <= end) {
		if (timers->deadline > fake_ns)
			fake_ns = timers->deadline;
		run_due();
	}
	fake_ns = end;
}

void fake_sleep(uint64_t ns)
{
	fake_ns += ns;
	run_due();
}

void vcpu_kick(struct vcpu *v)
{
	v->irq_check = true;
	fake_kicks++;
}

void vcpu_nmi(struct vcpu *v)
{
	v->nmi_pending = true;
	fake_nmis++;
}

void vcpu_init_signal(struct vcpu *v)
{
	v->init_pending = true;
}

void vcpu_sipi(struct vcpu *v, uint8_t vector)
{
	v->sipi_pending = true;
	v->sipi_vector = vector;
}

static void remember(const char *fmt, va_list ap)
{
	vsnprintf(fake_reason, sizeof(fake_reason), fmt, ap);
}

void vm_reset(struct vm *vm, const char *fmt, ...)
{
	va_list ap;

	(void)vm;
	fake_resets++;
	va_start(ap, fmt);
	remember(fmt, ap);
	va_end(ap);
}

void vm_poweroff(struct vm *vm, const char *fmt, ...)
{
	va_list ap;

	(void)vm;
	fake_poweroffs++;
	va_start(ap, fmt);
	remember(fmt, ap);
	va_end(ap);
}

void *mem_alloc(size_t bytes)
{
	return calloc(1, bytes);
}

void mem_free(void *p, size_t bytes)
{
	(void)bytes;
	free(p);
}

uint64_t p2m_low_end(const struct p2m *p)
{
	return MIN(p->ram, BOARD_PCI_HOLE);
}

uint64_t p2m_high_end(const struct p2m *p)
{
	return p->ram > BOARD_PCI_HOLE ? BOARD_HIGH_RAM + p->ram - BOARD_PCI_HOLE : BOARD_HIGH_RAM;
}

bool guest_write(struct vm *vm, gpa_t gpa, const void *buf, uint64_t len)
{
	(void)vm;
	if (gpa.v > BOARD_LOW_RAM_END || len > BOARD_LOW_RAM_END - gpa.v)
		return false;
	memcpy(fake_memory + gpa.v, buf, len);
	return true;
}

bool guest_write_rom(struct vm *vm, gpa_t gpa, const void *buf, uint64_t len)
{
	(void)vm;
	if (gpa.v < BOARD_ROM_BASE || gpa.v + len > BOARD_ROM_END)
		return false;
	memcpy(fake_memory + gpa.v, buf, len);
	return true;
}

bool console_putc(struct console_port *p, uint8_t c)
{
	(void)p;
	if (!fake_out_room)
		return false;
	fake_out_room--;
	fake_out[fake_out_len++ % (sizeof(fake_out) - 1)] = (char)c;
	return true;
}

bool console_getc(struct console_port *p, uint8_t *c)
{
	(void)p;
	if (typed_head == typed_len)
		return false;
	*c = (uint8_t)typed[typed_head++];
	return true;
}

void fake_type(struct console_port *p, const char *text)
{
	typed_head = 0;
	typed_len = (unsigned)strlen(text);
	assert(typed_len <= sizeof(typed));
	memcpy(typed, text, typed_len);
	p->input_ready(p->owner);
}

void fake_make_room(struct console_port *p, unsigned bytes)
{
	fake_out_room = bytes;
	p->output_ready(p->owner);
}

uint64_t in(struct vm *vm, uint64_t port, unsigned size)
{
	uint64_t val;

	iobus_read(&vm->ports, port, size, &val);
	return val;
}

void out(struct vm *vm, uint64_t port, unsigned size, uint64_t val)
{
	iobus_write(&vm->ports, port, size, val);
}

uint64_t mmio_in(struct vm *vm, uint64_t addr, unsigned size)
{
	uint64_t val;

	iobus_read(&vm->mmio, addr, size, &val);
	return val;
}

void mmio_out(struct vm *vm, uint64_t addr, unsigned size, uint64_t val)
{
	iobus_write(&vm->mmio, addr, size, val);
}

static void line_set(void *arg, unsigned irq, bool level)
{
	struct fake_line *l = arg;

	(void)irq;
	l->rises += level && !l->level;
	l->level = level;
}

struct irq_line fake_irq_line(struct fake_line *l)
{
	return (struct irq_line){ .set = line_set, .arg = l };
}

uint64_t fake_random(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 2685821657736338717u;
}

void fake_poke(struct iobus *b, uint64_t base, uint64_t len, unsigned rounds)
{
	static const uint64_t interesting[] = { 0, 1, 0x10, 0x80, 0xff, 0xffff, 0xffffffff };
	uint64_t addr, val;
	unsigned size;

	while (rounds--) {
		size = 1u << (fake_random() % 4);
		addr = base + fake_random() % len;
		val = fake_random() % 4 ? fake_random() : interesting[fake_random() % 7];
		if (fake_random() & 1) {
			iobus_read(b, addr, size, &val);
			assert(size == 8 || !(val >> (8 * size)));
		} else {
			iobus_write(b, addr, size, val);
		}
		switch (fake_random() % 16) {
		case 0:
			fake_sleep(fake_random() % (3 * NSEC_PER_SEC));
			break;
		case 1:
		case 2:
		case 3:
			fake_advance(fake_random() % (3 * NSEC_PER_MSEC));
		}
	}
}
