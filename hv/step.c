/* SPDX-License-Identifier: MIT */
/*
 * A vCPU that goes on without the processor, one instruction or event at a time: for states that
 * a back end cannot enter, or only with a loss. What the emulator only decodes is done here, by the
 * handlers of the exits that it would have caused. Guarded by the CPU that runs the vCPU.
 */
#include "hv/control_regs.h"
#include "hv/cpu.h"
#include "hv/emul_table.h"
#include "hv/emulate.h"
#include "hv/exit_handlers.h"
#include "hv/page.h"
#include "hv/vendor.h"
#include "hv/vm.h"

/* --- fetching ---------------------------------------------------------------------------- */

/* False: the guest has its page fault, or is dead. */
static bool can_fetch(struct vcpu *v, uint64_t la)
{
	unsigned access = MMU_ACC_FETCH | (vendor->get_cpl(v) == 3 ? MMU_ACC_USER : 0);
	struct mmu_fault fault;

	switch (mmu_translate(&v->mmu, GVA(la), access, &fault)) {
	case MMU_INJECT:
		vcpu_inject_pf(v, la, fault.error_code);
		return false;
	case MMU_MMIO:
		exit_fetch_from_hole(v, fault.gpa);
		return false;
	default:
		return true;
	}
}

/* The processor's limit check of each fetch (SDM Vol. 3A 5.3). */
static bool is_beyond_limit(struct vcpu *v, const struct insn *insn)
{
	struct segment cs;

	if (insn->mode == 8)
		return false;
	vendor->get_segment(v, SEG_CS, &cs);
	return v->regs.rip + insn->len - 1 > cs.limit;
}

/* The instruction at rip; NULL: the guest has an exception, is dead, or this comes again. */
static const struct insn *fetch(struct vcpu *v)
{
	unsigned mode;
	uint64_t la = vendor->get_linear_rip(v, &mode);
	const struct insn *insn = vcpu_insn_at(v, la, mode);

	if (v->pending.type != EVENT_NONE)
		return NULL;
	if (!insn || insn->op == INSN_NONE) {
		uint64_t last = la + INSN_MAX - 1;

		if (mode != 8)
			last = (uint32_t)last;
		return can_fetch(v, la) && can_fetch(v, last) ? insn : NULL;
	}
	if (is_beyond_limit(v, insn)) {
		vcpu_inject_gp(v);
		return NULL;
	}
	return insn;
}

/* --- instructions ------------------------------------------------------------------------ */

#define DR6_WRITABLE (BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(13) | BIT(14) | BIT(15))
#define DR7_WRITABLE UINT64_C(0xffff23ff) /* SDM Vol. 3B 17.2.4 */

/* DR4 and DR5 are DR6 and DR7, or nothing (SDM Vol. 3B 17.2.2). */
static void access_dr(struct vcpu *v, unsigned n, uint64_t *gpr, bool write)
{
	vcpu_take_back_debug_registers(v);
	if (n < 4) {
		if (write)
			v->dr[n] = (uint32_t)*gpr;
		else
			*gpr = v->dr[n];
	} else if (!write) {
		*gpr = vendor->get_dr(v, n | 2);
	} else if ((n | 2) == 6) {
		vendor->set_dr(v, 6, (*gpr & DR6_WRITABLE) | DR6_RESET);
	} else {
		vendor->set_dr(v, 7, (*gpr & DR7_WRITABLE) | DR7_RESET);
	}
	if (vendor->get_dr(v, 7) & DR7_ENABLE_MASK)
		exit_dr(v);
}

static void mov_dr(struct vcpu *v, const struct insn *insn)
{
	unsigned n = insn->reg;

	if (n > 7 || ((n | 1) == 5 && (v->cr4 & CR4_DE))) {
		vcpu_inject_ud(v);
		return;
	}
	access_dr(v, n, &v->regs.gpr[insn->rm], insn->op == INSN_MOV_TO_DR);
	vcpu_skip(v, insn->len);
}

static void mov_from_cr(struct vcpu *v, const struct insn *insn)
{
	exit_mov_from_cr(v, insn->reg, insn->rm, insn->len);
}

static void mov_to_cr(struct vcpu *v, const struct insn *insn)
{
	exit_mov_to_cr(v, insn->reg, insn->rm, insn->len);
}

static void clts(struct vcpu *v, const struct insn *insn)
{
	exit_clts(v, insn->len);
}

static void invlpg_of_guest(struct vcpu *v, const struct insn *insn)
{
	struct vcpu_emul e = vcpu_emul_context(v);

	exit_invlpg(v, insn_ea(&e.ctx, insn), insn->len);
}

static void rdmsr_of_guest(struct vcpu *v, const struct insn *insn)
{
	exit_rdmsr(v, insn->len);
}

static void wrmsr_of_guest(struct vcpu *v, const struct insn *insn)
{
	exit_wrmsr(v, insn->len);
}

static void cpuid_of_guest(struct vcpu *v, const struct insn *insn)
{
	exit_cpuid(v, insn->len);
}

static void rdtsc_of_guest(struct vcpu *v, const struct insn *insn)
{
	uint64_t tsc = vcpu_tsc(v);

	v->regs.gpr[REG_RAX] = (uint32_t)tsc;
	v->regs.gpr[REG_RDX] = tsc >> 32;
	vcpu_skip(v, insn->len);
}

static void hlt(struct vcpu *v, const struct insn *insn)
{
	exit_hlt(v, insn->len);
}

static void by_its_name(struct vcpu *v, const struct insn *insn)
{
	exit_instruction(v, insn->op, insn->len);
}

/* What the emulator only decodes, and whether it is for CPL 0 alone, always or with a bit of CR4. */
static const struct {
	void (*fn)(struct vcpu *v, const struct insn *insn); /* NULL: nobody here knows it */
	bool privileged;
	uint64_t privileged_by;
} decoded[NR_INSN_OPS] = {
	[INSN_MOV_FROM_CR] = { mov_from_cr, true },
	[INSN_MOV_TO_CR] = { mov_to_cr, true },
	[INSN_MOV_FROM_DR... INSN_MOV_TO_DR] = { mov_dr, true },
	[INSN_CLTS] = { clts, true },
	[INSN_LMSW] = { vcpu_emulate_lmsw, true },
	[INSN_SMSW] = { vcpu_emulate_smsw, false, CR4_UMIP },
	[INSN_INVLPG] = { invlpg_of_guest, true },
	[INSN_INVD... INSN_WBINVD] = { by_its_name, true },
	[INSN_CPUID] = { cpuid_of_guest, false },
	[INSN_RDMSR] = { rdmsr_of_guest, true },
	[INSN_WRMSR] = { wrmsr_of_guest, true },
	[INSN_RDTSC] = { rdtsc_of_guest, false, CR4_TSD },
	[INSN_RDPMC] = { by_its_name, false },
	[INSN_HLT] = { hlt, true },
	[INSN_PAUSE... INSN_MWAIT] = { by_its_name, false },
	[INSN_XSETBV] = { by_its_name, true },
	[INSN_RSM... INSN_UD2] = { by_its_name, false },
	[INSN_VMRUN... INSN_GETSEC] = { by_its_name, false },
};

static bool is_privileged(const struct vcpu *v, enum insn_op op)
{
	return decoded[op].privileged || (v->cr4 & decoded[op].privileged_by);
}

/* False: nobody here knows it. */
static bool handled(struct vcpu *v, const struct insn *insn)
{
	if (is_privileged(v, insn->op) && vendor->get_cpl(v) != 0)
		vcpu_inject_gp(v);
	else if (decoded[insn->op].fn)
		decoded[insn->op].fn(v, insn);
	else
		return false;
	return true;
}

/* No processor has asked whether the guest may use the port; the I/O bitmap is read by none of us. */
static bool asks_io_bitmap(struct vcpu *v, const struct insn *insn)
{
	return insn_uses_port(insn->op) &&
	       vendor->get_cpl(v) > (v->regs.rflags & RFLAGS_IOPL) >> RFLAGS_IOPL_SHIFT;
}

bool vcpu_step(struct vcpu *v)
{
	const struct insn *insn = fetch(v);

	if (!insn)
		return true;
	if (asks_io_bitmap(v, insn))
		return false;
	if (insn->op >= INSN_FIRST_DECODE_ONLY)
		return handled(v, insn);
	return vcpu_emulate_insn(v, insn);
}

/* --- events in real mode ----------------------------------------------------------------- */

void vcpu_deliver_real(struct vcpu *v)
{
	struct vcpu_emul e = vcpu_emul_context(v);
	struct event event = v->pending;

	v->pending.type = EVENT_NONE;
	switch (emul_real_interrupt(&e.ctx, event.vector)) {
	case EMUL_OK:
		v->intr_shadow = false;
		break;
	case EMUL_RETRY:
		v->pending = event;
		break;
	case EMUL_FAULT:
		v->delivering = event;
		vcpu_emul_inject(v, &e.ctx.fault);
		break;
	default:
		vm_kill(v, "its shadow engine cannot go on (vector 0x%x in real mode)",
			event.vector);
		break;
	}
}
