/* SPDX-License-Identifier: MIT */
/* native_run() by way of native.asm or real.asm, and the ports. */
#include "tests/unit/emul_native.h"

#include "guests/tiny/emul/bed.h"
#include "hv/string.h"
#include "tests/unit/emul_fake.h"

#define LOW 0x8000u /* layout.inc */
#define SCRATCH_AT_FIRST 0x5a
#define ALL_MASKED 0xff

/* real.asm */
struct real_regs {
	uint32_t gpr[8], ip, flags;
	uint16_t es, cs, ss, ds, fs, gs;
	uint32_t vector;
};

extern const uint8_t real_low[], real_low_end[];
extern const uint32_t real_regs;

struct native_state *native_current;
void native_enter(struct native_state *s);
void real_enter(void);

static enum bed_kind kind;

void native_choose(enum bed_kind k)
{
	uint64_t cr0;

	kind = k;
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	cr0 = k == BED_FORCED ? cr0 & ~CR0_WP : cr0 | CR0_WP;
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
	if (k == BED_REAL)
		memcpy((void *)(uintptr_t)LOW, real_low, (size_t)(real_low_end - real_low));
}

static void run_real(struct native_state *s)
{
	struct real_regs *r = (struct real_regs *)(uintptr_t)real_regs;

	for (unsigned i = 0; i < ARRAY_SIZE(r->gpr); i++)
		r->gpr[i] = (uint32_t)s->gpr[i];
	r->ip = (uint32_t)s->rip;
	r->flags = (uint32_t)s->rflags;
	r->es = (uint16_t)s->sel[SEG_ES];
	r->cs = (uint16_t)s->sel[SEG_CS];
	r->ss = (uint16_t)s->sel[SEG_SS];
	r->ds = (uint16_t)s->sel[SEG_DS];
	r->fs = (uint16_t)s->sel[SEG_FS];
	r->gs = (uint16_t)s->sel[SEG_GS];
	real_enter();
	for (unsigned i = 0; i < ARRAY_SIZE(r->gpr); i++)
		s->gpr[i] = r->gpr[i];
	s->rip = r->ip;
	s->rflags = r->flags;
	s->sel[SEG_ES] = r->es;
	s->sel[SEG_CS] = r->cs;
	s->sel[SEG_SS] = r->ss;
	s->sel[SEG_DS] = r->ds;
	s->sel[SEG_FS] = r->fs;
	s->sel[SEG_GS] = r->gs;
	s->vector = r->vector & 0xff;
}

/* Only around the instruction: our own code touches the data too. */
static void set_smap(bool on)
{
	uint64_t cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	cr4 = on ? cr4 | CR4_SMAP : cr4 & ~CR4_SMAP;
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
}

void native_run(struct native_state *s)
{
	if (kind == BED_REAL) {
		run_real(s);
		return;
	}
	native_current = s;
	if (kind == BED_FORCED)
		set_smap(true);
	native_enter(s);
	if (kind == BED_FORCED)
		set_smap(false);
	native_current = NULL;
}

uint64_t device_take(void)
{
	uint64_t v = inb(PORT_SCRATCH) | (uint64_t)inb(PORT_PIC_MASK) << 8 |
		     (uint64_t)inb(PORT_MODEM_CONTROL) << 16;

	outb(PORT_MODEM_CONTROL, 0);
	inb(PORT_MODEM_STATUS); /* what has changed is said once */
	outb(PORT_SCRATCH, SCRATCH_AT_FIRST);
	outb(PORT_PIC_MASK, ALL_MASKED);
	return v;
}

static enum emul_result port_in(struct emul_ctx *c, uint16_t port, unsigned size, uint32_t *val)
{
	(void)c;
	*val = 0;
	if (size == 1)
		__asm__ volatile("inb %1, %b0" : "+a"(*val) : "d"(port));
	else if (size == 2)
		__asm__ volatile("inw %1, %w0" : "+a"(*val) : "d"(port));
	else
		__asm__ volatile("inl %1, %0" : "+a"(*val) : "d"(port));
	return EMUL_OK;
}

static enum emul_result port_out(struct emul_ctx *c, uint16_t port, unsigned size, uint32_t val)
{
	(void)c;
	if (size == 1)
		__asm__ volatile("outb %b0, %1" : : "a"(val), "d"(port));
	else if (size == 2)
		__asm__ volatile("outw %w0, %1" : : "a"(val), "d"(port));
	else
		__asm__ volatile("outl %0, %1" : : "a"(val), "d"(port));
	return EMUL_OK;
}

const struct emul_ops *device_ops(void)
{
	static struct emul_ops ops;

	if (!ops.read) {
		static struct fake any;

		fake_init(&any, 8, NULL, 0, 0);
		ops = *any.ctx.ops;
		ops.io_in = port_in;
		ops.io_out = port_out;
	}
	return &ops;
}
