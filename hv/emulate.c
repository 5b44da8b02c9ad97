/* SPDX-License-Identifier: MIT */
/*
 * The instruction emulator joined to a vCPU: its memory accesses go through the guest's
 * page tables to RAM or to the bus, its port accesses to the bus.
 *
 * vm->lock is held around each device access, not around the instruction.
 */
#include "hv/emulate.h"

#include "hv/cpu.h"
#include "hv/emul_table.h"
#include "hv/exit_handlers.h"
#include "hv/guest_io.h"
#include "hv/line.h"
#include "hv/page.h"
#include "hv/print.h"
#include "hv/string.h"
#include "hv/vendor.h"
#include "hv/vm.h"

static struct vcpu *to_vcpu(struct emul_ctx *c)
{
	return container_of(c, struct vcpu_emul, ctx)->v;
}

/* One access within one page: where it goes. EMUL_OK: *gpa, and *ram if it is memory. */
static enum emul_result resolve(struct emul_ctx *c, uint64_t la, unsigned access, gpa_t *gpa,
				void **ram)
{
	struct vcpu *v = to_vcpu(c);
	struct mmu_fault fault;
	struct p2m_entry e;

	if (c->cpl == 3 && !c->implicit)
		access |= MMU_ACC_USER;
	else if ((v->regs.rflags & RFLAGS_AC) && !c->implicit)
		access |= MMU_ACC_AC;
	*ram = NULL;
	switch (mmu_translate(&v->mmu, GVA(la), access, &fault)) {
	case MMU_FIXED:
		e = p2m_lookup(&v->vm->p2m, gpa_to_gfn(fault.gpa));
		*ram = (uint8_t *)pfn_to_ptr(e.pfn) + (la & ~PAGE_MASK);
		*gpa = fault.gpa;
		return EMUL_OK;
	case MMU_MMIO:
		*gpa = fault.gpa;
		return EMUL_OK;
	case MMU_INJECT:
		c->fault = (struct emul_fault){
			.vector = VEC_PF, .has_error = true, .error = fault.error_code, .cr2 = la
		};
		return EMUL_FAULT;
	case MMU_RETRY:
		return EMUL_RETRY;
	default:
		return EMUL_UNHANDLED;
	}
}

/* Bytes of an access at `la` that lie in its first page. */
static unsigned first_part(uint64_t la, unsigned size)
{
	return MIN(size, PAGE_SIZE - (la & ~PAGE_MASK));
}

/* From or to guest memory at `ram`. As a processor's, an aligned access of up to 8 bytes is one, for
 * other vCPUs too (SDM Vol. 3A 8.1.1). */
static void copy(void *to, const void *from, unsigned size, const void *ram)
{
	if (((uintptr_t)ram & (size - 1)) == 0) {
		switch (size) {
		case 2:
			*(volatile uint16_t *)to = *(const volatile uint16_t *)from;
			return;
		case 4:
			*(volatile uint32_t *)to = *(const volatile uint32_t *)from;
			return;
		case 8:
			*(volatile uint64_t *)to = *(const volatile uint64_t *)from;
			return;
		}
	}
	memcpy(to, from, size);
}

static enum emul_result read_part(struct emul_ctx *c, uint64_t la, void *buf, unsigned size)
{
	void *ram;
	gpa_t gpa;
	enum emul_result r = resolve(c, la, 0, &gpa, &ram);

	if (r != EMUL_OK)
		return r;
	if (ram)
		copy(buf, ram, size, ram);
	else
		guest_mmio_read(to_vcpu(c)->vm, gpa, buf, size);
	return EMUL_OK;
}

static enum emul_result emul_read(struct emul_ctx *c, uint64_t la, void *buf, unsigned size)
{
	unsigned first = first_part(la, size);
	enum emul_result r = read_part(c, la, buf, first);

	if (r != EMUL_OK || first == size)
		return r;
	return read_part(c, la + first, (uint8_t *)buf + first, size - first);
}

static enum emul_result emul_check_write(struct emul_ctx *c, uint64_t la, unsigned size)
{
	unsigned first = first_part(la, size);
	void *ram;
	gpa_t gpa;
	enum emul_result r = resolve(c, la, MMU_ACC_WRITE, &gpa, &ram);

	if (r != EMUL_OK || first == size)
		return r;
	return resolve(c, la + first, MMU_ACC_WRITE, &gpa, &ram);
}

struct ram_write {
	const void *buf;
	unsigned size;
};

static void store(void *host, void *arg)
{
	const struct ram_write *w = arg;

	copy(host, w->buf, w->size, host);
}

/* False: the RAM has gone since it was resolved. */
static bool write_part(struct emul_ctx *c, gpa_t gpa, bool ram, const void *buf, unsigned size)
{
	struct vm *vm = to_vcpu(c)->vm;
	struct ram_write w = { buf, size };

	if (ram)
		return mmu_guest_update(&vm->mmu, gpa, size, store, &w);
	guest_mmio_write(vm, gpa, buf, size);
	return true;
}

/* Both pages are resolved before either is written: a fault on the second leaves the
 * first as it was. */
static enum emul_result emul_write(struct emul_ctx *c, uint64_t la, const void *buf, unsigned size)
{
	unsigned first = first_part(la, size);
	void *ram, *ram2 = NULL;
	gpa_t gpa, gpa2 = GPA(0);
	enum emul_result r = resolve(c, la, MMU_ACC_WRITE, &gpa, &ram);

	if (r == EMUL_OK && first < size)
		r = resolve(c, la + first, MMU_ACC_WRITE, &gpa2, &ram2);
	if (r != EMUL_OK)
		return r;
	if (!write_part(c, gpa, ram, buf, first))
		return EMUL_RETRY;
	if (first < size && !write_part(c, gpa2, ram2, (const uint8_t *)buf + first, size - first))
		return EMUL_RETRY;
	return EMUL_OK;
}

static bool host_cmpxchg16(void *p, void *expected, const void *desired)
{
	uint64_t *e = expected;
	const uint64_t *d = desired;
	bool done;

	__asm__ volatile("lock cmpxchg16b %1"
			 : "=@ccz"(done), "+m"(*(volatile char(*)[16])p), "+a"(e[0]), "+d"(e[1])
			 : "b"(d[0]), "c"(d[1])
			 : "memory");
	return done;
}

#define HOST_CMPXCHG(type)                                                                      \
	__atomic_compare_exchange_n((type *)p, (type *)expected, *(const type *)desired, false, \
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

static bool host_cmpxchg(void *p, void *expected, const void *desired, unsigned size)
{
	switch (size) {
	case 1:
		return HOST_CMPXCHG(uint8_t);
	case 2:
		return HOST_CMPXCHG(uint16_t);
	case 4:
		return HOST_CMPXCHG(uint32_t);
	case 8:
		return HOST_CMPXCHG(uint64_t);
	default:
		return host_cmpxchg16(p, expected, desired);
	}
}

struct ram_cmpxchg {
	void *expected;
	const void *desired;
	unsigned size;
	bool done;
};

static void compare_and_exchange(void *host, void *arg)
{
	struct ram_cmpxchg *x = arg;

	x->done = host_cmpxchg(host, x->expected, x->desired, x->size);
}

static enum emul_result emul_cmpxchg(struct emul_ctx *c, uint64_t la, void *expected,
				     const void *desired, unsigned size, bool *done)
{
	struct ram_cmpxchg x = { expected, desired, size, false };
	void *ram;
	gpa_t gpa;
	enum emul_result r;

	if (first_part(la, size) < size)
		return EMUL_NO_LOCK;
	r = resolve(c, la, MMU_ACC_WRITE, &gpa, &ram);
	if (r != EMUL_OK)
		return r;
	if (!ram)
		return EMUL_NO_LOCK;
	if (!mmu_guest_update(&to_vcpu(c)->vm->mmu, gpa, size, compare_and_exchange, &x))
		return EMUL_RETRY;
	*done = x.done;
	return EMUL_OK;
}

static enum emul_result emul_io_in(struct emul_ctx *c, uint16_t port, unsigned size, uint32_t *val)
{
	*val = guest_port_read(to_vcpu(c)->vm, port, size);
	return EMUL_OK;
}

static enum emul_result emul_io_out(struct emul_ctx *c, uint16_t port, unsigned size, uint32_t val)
{
	guest_port_write(to_vcpu(c)->vm, port, size, val);
	return EMUL_OK;
}

static void emul_get_segment(struct emul_ctx *c, enum seg s, struct segment *out)
{
	vendor->get_segment(to_vcpu(c), s, out);
}

static void emul_set_segment(struct emul_ctx *c, enum seg s, const struct segment *in)
{
	vendor->set_segment(to_vcpu(c), s, in);
}

static void emul_get_tables(struct emul_ctx *c, struct descriptor_table *gdt,
			    struct descriptor_table *idt)
{
	vendor->get_tables(to_vcpu(c), gdt, idt);
}

static void emul_set_tables(struct emul_ctx *c, const struct descriptor_table *gdt,
			    const struct descriptor_table *idt)
{
	vendor->set_tables(to_vcpu(c), gdt, idt);
}

static const struct emul_ops ops = {
	.read = emul_read,
	.write = emul_write,
	.check_write = emul_check_write,
	.cmpxchg = emul_cmpxchg,
	.io_in = emul_io_in,
	.io_out = emul_io_out,
	.get_segment = emul_get_segment,
	.set_segment = emul_set_segment,
	.get_tables = emul_get_tables,
	.set_tables = emul_set_tables,
};

void vcpu_emul_inject(struct vcpu *v, const struct emul_fault *f)
{
	if (f->vector == VEC_PF)
		vcpu_inject_pf(v, f->cr2, f->error);
	else
		vcpu_inject_exception(v, f->vector, f->has_error, f->error);
}

static const char *what_is_at(struct vcpu *v, gpa_t gpa)
{
	enum p2m_kind kind = p2m_lookup(&v->vm->p2m, gpa_to_gfn(gpa)).kind;

	if (kind != P2M_NONE)
		return kind == P2M_ROM ? "ROM" : "RAM";
	return iobus_claims(&v->vm->mmio, gpa.v) ? "a device" : "no memory";
}

void vcpu_kill_outside_scope(struct vcpu *v, const char *where)
{
	uint8_t b[8] = { 0 };
	struct vcpu_emul e = { .ctx = { .ops = &ops, .regs = &v->regs, .cpl = 0 }, .v = v };
	unsigned mode;

	if (emul_read(&e.ctx, vendor->get_linear_rip(v, &mode), b, sizeof(b)) != EMUL_OK)
		memset(b, 0, sizeof(b));
	vm_kill(v,
		"an instruction that the emulator lacks %s, bytes %02x %02x %02x %02x %02x %02x "
		"%02x %02x",
		where, b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]);
}

static void kill_at(struct vcpu *v, gpa_t gpa)
{
	struct line where = { .len = 0 };

	line_add(&where, "at guest physical 0x%llx (%s)", (unsigned long long)gpa.v,
		 what_is_at(v, gpa));
	vcpu_kill_outside_scope(v, where.text);
}

struct vcpu_emul vcpu_emul_context(struct vcpu *v)
{
	return (struct vcpu_emul){
		.ctx = {
			.ops = &ops,
			.regs = &v->regs,
			.mode = vendor->get_mode(v),
			.cpl = vendor->get_cpl(v),
			.protected_mode = (v->cr0 & CR0_PE) && !(v->regs.rflags & RFLAGS_VM),
			.long_mode = vcpu_long_mode(v),
			.la57 = v->cr4 & CR4_LA57,
		},
		.v = v,
	};
}

/* The result of a memory access; true if the instruction can be finished. */
static bool accessed(struct vcpu *v, const struct vcpu_emul *e, enum emul_result r)
{
	if (r == EMUL_FAULT)
		vcpu_emul_inject(v, &e->ctx.fault);
	return r == EMUL_OK;
}

static enum emul_result read_msw(struct vcpu_emul *e, const struct insn *insn, uint16_t *msw)
{
	uint64_t la;
	enum emul_result r = emul_locate(&e->ctx, insn, sizeof(*msw), false, &la);

	return r == EMUL_OK ? emul_read(&e->ctx, la, msw, sizeof(*msw)) : r;
}

static enum emul_result write_msw(struct vcpu_emul *e, const struct insn *insn, uint16_t msw)
{
	uint64_t la;
	enum emul_result r = emul_locate(&e->ctx, insn, sizeof(msw), true, &la);

	return r == EMUL_OK ? emul_write(&e->ctx, la, &msw, sizeof(msw)) : r;
}

void vcpu_emulate_lmsw(struct vcpu *v, const struct insn *insn)
{
	struct vcpu_emul e = vcpu_emul_context(v);
	uint16_t msw = v->regs.gpr[insn->rm];

	if (insn->mod == 3 || accessed(v, &e, read_msw(&e, insn, &msw)))
		exit_lmsw(v, msw, insn->len);
}

/* To memory 16 bits, to a register as many as the operand size says (SDM Vol. 2B, SMSW). */
void vcpu_emulate_smsw(struct vcpu *v, const struct insn *insn)
{
	struct vcpu_emul e = vcpu_emul_context(v);
	uint64_t *gpr = &v->regs.gpr[insn->rm];

	if (insn->mod != 3) {
		if (!accessed(v, &e, write_msw(&e, insn, (uint16_t)v->cr0)))
			return;
	} else if (insn->op_size == 2) {
		*gpr = (*gpr & ~UINT64_C(0xffff)) | (uint16_t)v->cr0;
	} else {
		*gpr = v->cr0;
	}
	vcpu_skip(v, insn->len);
}

static bool is_string(const struct insn *insn)
{
	return insn->op >= INSN_MOVS && insn->op <= INSN_OUTS;
}

/* INT n, INT3, INTO: into a handler. */
static bool has_interrupted(const struct vcpu *v, const struct insn *insn)
{
	return insn->op >= INSN_INT && insn->op <= INSN_INTO && !(v->regs.rflags & RFLAGS_TF);
}

/* What the processor does behind each instruction. TF is asked before it, and handlers begin
 * without a single step (SDM Vol. 3B 17.3.1.4); IRET lets NMIs in again. */
static void completed(struct vcpu *v, const struct emul_ctx *c, const struct insn *insn,
		      uint64_t flags_before)
{
	v->intr_shadow = c->sti_shadow || c->ss_shadow;
	if (insn->op == INSN_IRET) {
		v->nmi_blocked = false;
		v->irq_check = true;
	}
	if (unlikely(flags_before & RFLAGS_TF) && !c->ss_shadow && !has_interrupted(v, insn))
		vcpu_single_step(v);
}

bool vcpu_emulate_insn(struct vcpu *v, const struct insn *insn)
{
	struct vcpu_emul e = vcpu_emul_context(v);
	uint64_t rip = v->regs.rip, flags = v->regs.rflags;
	enum emul_result r;

	r = insn->op == INSN_NONE ? EMUL_UNHANDLED : emul_execute(&e.ctx, insn);
	if (r == EMUL_UNHANDLED)
		return false;
	if (accessed(v, &e, r) && (v->regs.rip != rip || !is_string(insn)))
		completed(v, &e.ctx, insn, flags);
	return true;
}

bool vcpu_unprotect(struct vcpu *v, gpa_t gpa)
{
	bool obeys_wp = !(v->cr0 & CR0_PG) || (v->cr0 & CR0_WP);

	if (mmu_unshadow(&v->mmu, gpa))
		return true;
	/* Another vCPU was first. */
	return obeys_wp && p2m_lookup(&v->vm->p2m, gpa_to_gfn(gpa)).kind == P2M_RAM;
}

/* A port's instruction has an exit of its own, behind the processor's check of the guest's right to
 * it: met here it has been written since. And who writes a table with a repeated string instruction
 * clears or copies a page: it is no table any more, or not yet. */
void vcpu_emulate(struct vcpu *v, gpa_t gpa)
{
	const struct insn *insn = vcpu_insn(v);

	if (!insn || insn_uses_port(insn->op) || (insn->rep && mmu_unshadow(&v->mmu, gpa)))
		return;
	if (!vcpu_emulate_insn(v, insn) && !vcpu_unprotect(v, gpa))
		kill_at(v, gpa);
}

void vcpu_emulate_string_io(struct vcpu *v)
{
	const struct insn *insn = vcpu_insn(v);

	if (!insn || (insn->op != INSN_INS && insn->op != INSN_OUTS))
		return;
	if (!vcpu_emulate_insn(v, insn))
		kill_at(v, GPA(0));
}
