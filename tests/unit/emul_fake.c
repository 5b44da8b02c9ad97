/* SPDX-License-Identifier: MIT */
/* The emulator's operations over a window of host memory. Single-threaded. */
#include "tests/unit/emul_fake.h"

#include "hv/string.h"
#include "hv/x86.h"

#define PF_P 1
#define PF_W 2
#define PF_U 4

#define ATTR_DATA 0xc0f3 /* writable data, accessed, DPL 3, present, D/B, G */
#define ATTR_CODE 0xc0fb /* readable code */
#define ATTR_CODE64 0xa0fb
#define ATTR_DATA16 0x00f3

static struct fake *to_fake(struct emul_ctx *c)
{
	return container_of(c, struct fake, ctx);
}

static bool in_guard(const struct fake *f, uint64_t la)
{
	return (la >= f->lo - f->guard && la < f->lo) || (la >= f->hi && la < f->hi + f->guard);
}

static enum emul_result reach(struct fake *f, uint64_t la, unsigned size, bool write)
{
	if (f->memory_result != EMUL_OK)
		return f->memory_result;
	for (unsigned i = 0; i < size; i++) {
		uint64_t a = la + i;
		bool ro = write && a >= f->ro_lo && a < f->ro_hi;

		if (a >= f->lo && a < f->hi && !ro)
			continue;
		if (!in_guard(f, a) && !ro)
			f->wild = true;
		f->ctx.fault = (struct emul_fault){ .vector = VEC_PF,
						    .has_error = true,
						    .error = (ro ? PF_P : 0) | (write ? PF_W : 0) |
							     (f->ctx.cpl == 3 ? PF_U : 0),
						    .cr2 = a };
		return EMUL_FAULT;
	}
	return EMUL_OK;
}

/* Where an implicit access goes that lies in the descriptor table; NULL: it does not. */
static uint8_t *in_table(const struct fake *f, uint64_t la, unsigned size)
{
	if (!f->ctx.implicit || la < f->table_la || la + size > f->table_la + f->table_size)
		return NULL;
	return f->table + (la - f->table_la);
}

static enum emul_result fake_read(struct emul_ctx *c, uint64_t la, void *buf, unsigned size)
{
	struct fake *f = to_fake(c);
	const uint8_t *table = in_table(f, la, size);
	enum emul_result r;

	if (table) {
		memcpy(buf, table, size);
		return EMUL_OK;
	}
	r = reach(f, la, size, false);
	if (r == EMUL_OK)
		memcpy(buf, f->mem + (la - f->lo), size);
	if (r == EMUL_OK && f->is_device)
		f->mem[la - f->lo]++;
	f->reads++;
	return r;
}

static enum emul_result fake_write(struct emul_ctx *c, uint64_t la, const void *buf, unsigned size)
{
	struct fake *f = to_fake(c);
	enum emul_result r = reach(f, la, size, true);

	if (r == EMUL_OK)
		memcpy(f->mem + (la - f->lo), buf, size);
	f->writes++;
	return r;
}

static enum emul_result fake_check_write(struct emul_ctx *c, uint64_t la, unsigned size)
{
	return reach(to_fake(c), la, size, true);
}

static enum emul_result fake_cmpxchg(struct emul_ctx *c, uint64_t la, void *expected,
				     const void *desired, unsigned size, bool *done)
{
	struct fake *f = to_fake(c);
	uint8_t *p;
	enum emul_result r;

	if (f->is_device)
		return EMUL_NO_LOCK;
	p = in_table(f, la, size);
	r = p ? EMUL_OK : reach(f, la, size, true);
	if (r != EMUL_OK)
		return r;
	if (!p)
		p = f->mem + (la - f->lo);
	f->atomics++;
	if (f->rivals) {
		f->rivals--;
		p[0]++;
	}
	*done = !memcmp(p, expected, size);
	if (*done)
		memcpy(p, desired, size);
	else
		memcpy(expected, p, size);
	return EMUL_OK;
}

static enum emul_result fake_in(struct emul_ctx *c, uint16_t port, unsigned size, uint32_t *val)
{
	struct fake *f = to_fake(c);

	(void)size;
	f->port = port;
	f->ins++;
	*val = f->in_value++;
	return EMUL_OK;
}

static enum emul_result fake_out(struct emul_ctx *c, uint16_t port, unsigned size, uint32_t val)
{
	struct fake *f = to_fake(c);

	(void)size;
	f->port = port;
	f->outs++;
	f->out_value = val;
	return EMUL_OK;
}

static void fake_get_segment(struct emul_ctx *c, enum seg s, struct segment *out)
{
	*out = to_fake(c)->seg[s];
}

static void fake_set_segment(struct emul_ctx *c, enum seg s, const struct segment *in)
{
	to_fake(c)->seg[s] = *in;
}

static void fake_get_tables(struct emul_ctx *c, struct descriptor_table *gdt,
			    struct descriptor_table *idt)
{
	*gdt = to_fake(c)->gdt;
	*idt = to_fake(c)->idt;
}

static void fake_set_tables(struct emul_ctx *c, const struct descriptor_table *gdt,
			    const struct descriptor_table *idt)
{
	to_fake(c)->gdt = *gdt;
	to_fake(c)->idt = *idt;
}

static const struct emul_ops ops = {
	.read = fake_read,
	.write = fake_write,
	.check_write = fake_check_write,
	.cmpxchg = fake_cmpxchg,
	.io_in = fake_in,
	.io_out = fake_out,
	.get_segment = fake_get_segment,
	.set_segment = fake_set_segment,
	.get_tables = fake_get_tables,
	.set_tables = fake_set_tables,
};

static void init_segments(struct fake *f, unsigned mode)
{
	for (unsigned i = 0; i < NR_SEGS; i++) {
		f->seg[i].attr = mode == 2 ? ATTR_DATA16 : ATTR_DATA;
		f->seg[i].limit = mode == 2 ? 0xffff : 0xffffffff;
	}
	if (mode != 2)
		f->seg[SEG_CS].attr = mode == 8 ? ATTR_CODE64 : ATTR_CODE;
}

void fake_init(struct fake *f, unsigned mode, uint8_t *mem, uint64_t la, uint64_t size)
{
	memset(f, 0, sizeof(*f));
	f->ctx.ops = &ops;
	f->ctx.regs = &f->regs;
	f->ctx.mode = mode;
	f->ctx.cpl = mode == 2 ? 0 : 3;
	f->ctx.protected_mode = mode != 2;
	f->ctx.long_mode = mode == 8;
	f->regs.rflags = RFLAGS_FIXED | RFLAGS_IF;
	f->mem = mem;
	f->lo = la;
	f->hi = la + size;
	f->guard = PAGE_SIZE;
	init_segments(f, mode);
}
