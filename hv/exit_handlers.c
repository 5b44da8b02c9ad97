/* SPDX-License-Identifier: MIT */
/*
 * What a guest's exits mean (hv/exit_handlers.h). Guarded by the CPU that runs the vCPU.
 */
#include "hv/exit_handlers.h"

#include "drivers/virt/vlapic.h"
#include "hv/control_regs.h"
#include "hv/cpu.h"
#include "hv/cpuid.h"
#include "hv/emul_table.h"
#include "hv/errno.h"
#include "hv/guest_io.h"
#include "hv/guest_msr.h"
#include "hv/pv.h"
#include "hv/vendor.h"
#include "hv/vm.h"

/* The access that a page-fault error code speaks of; AC lets an explicit supervisor data
 * access through SMAP, an access from CPL 3 (implicit: a descriptor table) never. */
static unsigned fault_access(struct vcpu *v, uint32_t error)
{
	unsigned access = error & (MMU_ACC_WRITE | MMU_ACC_USER | MMU_ACC_FETCH);

	if (!(error & MMU_PFEC_P))
		access |= MMU_ACC_NOT_PRESENT;
	if ((v->cr4 & CR4_SMAP) && (v->regs.rflags & RFLAGS_AC) && vendor->get_cpl(v) != 3)
		access |= MMU_ACC_AC;
	return access;
}

/* What no shadow entry can express is done by the emulator; but it knows instructions only,
 * and the one at rip has nothing to do with the delivery of an event. */
static void emulate_access(struct vcpu *v, uint64_t va, gpa_t gpa)
{
	if (likely(v->delivering.type == EVENT_NONE))
		vcpu_emulate(v, gpa);
	else if (!vcpu_unprotect(v, gpa))
		vm_kill(v,
			"to deliver vector 0x%x it uses 0x%llx, which is a device's, ROM or no memory",
			v->delivering.vector, (unsigned long long)va);
}

void exit_fetch_from_hole(struct vcpu *v, gpa_t gpa)
{
	vm_kill(v, "executes at guest physical 0x%llx, where there is no memory",
		(unsigned long long)gpa.v);
}

inline_at_link void exit_page_fault(struct vcpu *v, uint64_t va, uint32_t error)
{
	unsigned access = fault_access(v, error);
	struct mmu_fault fault;

	v->mmu.t_start = v->t_exit;
	switch (mmu_fault(&v->mmu, GVA(va), access, &fault)) {
	case MMU_FIXED:
	case MMU_RETRY:
		break;
	case MMU_INJECT:
		vcpu_inject_pf(v, va, fault.error_code);
		break;
	case MMU_MMIO:
		if (access & MMU_ACC_FETCH)
			exit_fetch_from_hole(v, fault.gpa);
		else
			emulate_access(v, va, fault.gpa);
		break;
	case MMU_EMULATE:
		emulate_access(v, va, fault.gpa);
		break;
	case MMU_FATAL:
	default:
		vm_kill(v, "its shadow engine cannot go on (fault at 0x%llx)",
			(unsigned long long)va);
		break;
	}
}

void exit_exception(struct vcpu *v, unsigned vector, bool has_error, uint32_t error)
{
	if (vector == VEC_DB)
		vcpu_inject_db(v);
	else
		vcpu_inject_exception(v, vector, has_error, error);
}

void exit_invlpg(struct vcpu *v, uint64_t va, unsigned len)
{
	v->mmu.t_start = v->t_exit;
	mmu_invlpg(&v->mmu, GVA(va));
	vcpu_skip(v, len);
}

static void finish(struct vcpu *v, int err, unsigned len)
{
	if (err)
		vcpu_inject_gp(v);
	else
		vcpu_skip(v, len);
}

void exit_mov_to_cr(struct vcpu *v, unsigned cr, unsigned gpr, unsigned len)
{
	uint64_t val = v->regs.gpr[gpr];
	int err;

	/* Outside 64-bit mode the operand has 32 bits (SDM Vol. 2B, MOV CRn). */
	if (val >> 32 && vendor->get_mode(v) != 8)
		val = (uint32_t)val;
	switch (cr) {
	case 0:
		err = vcpu_set_cr0(v, val);
		break;
	case 3:
		v->mmu.t_start = v->t_exit;
		err = vcpu_set_cr3(v, val);
		break;
	case 4:
		err = vcpu_set_cr4(v, val);
		break;
	case 8:
		err = vcpu_set_cr8(v, val);
		break;
	default:
		vcpu_inject_ud(v);
		return;
	}
	finish(v, err, len);
}

void exit_mov_from_cr(struct vcpu *v, unsigned cr, unsigned gpr, unsigned len)
{
	uint64_t val;

	switch (cr) {
	case 0:
		val = v->cr0;
		break;
	case 2:
		val = v->cr2;
		break;
	case 3:
		val = v->cr3;
		break;
	case 4:
		val = v->cr4;
		break;
	case 8:
		spin_lock(&v->vm->lock);
		val = vlapic_cr8(v->lapic);
		spin_unlock(&v->vm->lock);
		break;
	default:
		vcpu_inject_ud(v);
		return;
	}
	v->regs.gpr[gpr] = val;
	vcpu_skip(v, len);
}

void exit_clts(struct vcpu *v, unsigned len)
{
	finish(v, vcpu_set_cr0(v, v->cr0 & ~CR0_TS), len);
}

/* LMSW writes PE, MP, EM and TS, and can set PE but not clear it (SDM Vol. 2A, LMSW). */
void exit_lmsw(struct vcpu *v, uint16_t msw, unsigned len)
{
	uint64_t low = CR0_MP | CR0_EM | CR0_TS;

	finish(v, vcpu_set_cr0(v, (v->cr0 & ~low) | (msw & (low | CR0_PE))), len);
}

void exit_dr(struct vcpu *v)
{
	write_dr0(v->dr[0]);
	write_dr1(v->dr[1]);
	write_dr2(v->dr[2]);
	write_dr3(v->dr[3]);
	v->dr_live = true;
	vendor->intercept_dr(v, false);
}

inline_at_link void exit_cpuid(struct vcpu *v, unsigned len)
{
	uint64_t *gpr = v->regs.gpr;
	struct cpuid_regs r = guest_cpuid(v, gpr[REG_RAX], gpr[REG_RCX]);

	gpr[REG_RAX] = r.eax;
	gpr[REG_RBX] = r.ebx;
	gpr[REG_RCX] = r.ecx;
	gpr[REG_RDX] = r.edx;
	vcpu_skip(v, len);
}

inline_at_link void exit_rdmsr(struct vcpu *v, unsigned len)
{
	uint64_t val;

	if (!guest_rdmsr(v, v->regs.gpr[REG_RCX], &val)) {
		vcpu_inject_gp(v);
		return;
	}
	v->regs.gpr[REG_RAX] = (uint32_t)val;
	v->regs.gpr[REG_RDX] = val >> 32;
	vcpu_skip(v, len);
}

void exit_wrmsr(struct vcpu *v, unsigned len)
{
	const uint64_t *gpr = v->regs.gpr;
	uint64_t val = (uint32_t)gpr[REG_RAX] | gpr[REG_RDX] << 32;

	finish(v, guest_wrmsr(v, gpr[REG_RCX], val) ? 0 : -EINVAL, len);
}

void exit_xsetbv(struct vcpu *v, unsigned len)
{
	const uint64_t *gpr = v->regs.gpr;

	if (!(v->cr4 & CR4_OSXSAVE))
		vcpu_inject_ud(v);
	else if ((uint32_t)gpr[REG_RCX] != 0 || vendor->get_cpl(v) != 0)
		vcpu_inject_gp(v);
	else
		finish(v, vcpu_set_xcr0((uint32_t)gpr[REG_RAX] | gpr[REG_RDX] << 32), len);
}

void exit_hlt(struct vcpu *v, unsigned len)
{
	vcpu_skip(v, len);
	if (v->pending.type != EVENT_NONE)
		return;
	v->irq_check = true;
	if (!vcpu_wakes(v))
		v->state = VCPU_HALTED;
}

inline_at_link void exit_io(struct vcpu *v, uint16_t port, unsigned size, bool in, unsigned len)
{
	uint64_t *rax = &v->regs.gpr[REG_RAX];
	uint64_t mask = ~UINT64_C(0) >> (64 - 8 * size);

	if (!in) {
		guest_port_write(v->vm, port, size, *rax & mask);
	} else {
		uint64_t keep = size == 4 ? 0 : *rax & ~mask; /* 32-bit results zero-extend */

		*rax = keep | guest_port_read(v->vm, port, size);
	}
	vcpu_skip(v, len);
}

void exit_hypercall(struct vcpu *v, unsigned len)
{
	uint64_t *gpr = v->regs.gpr;
	uint64_t mask = vendor->get_mode(v) == 8 ? UINT64_MAX : UINT32_MAX;
	const uint64_t arg[4] = { gpr[REG_RBX] & mask, gpr[REG_RCX] & mask, gpr[REG_RDX] & mask,
				  gpr[REG_RSI] & mask };

	if (vendor->get_cpl(v) != 0) {
		vcpu_inject_ud(v);
		return;
	}
	gpr[REG_RAX] = pv_hypercall(v, gpr[REG_RAX] & mask, arg) & mask;
	vcpu_skip(v, len);
}

void exit_instruction(struct vcpu *v, enum insn_op op, unsigned len)
{
	switch (op) {
	case INSN_INVD:
	case INSN_WBINVD: /* guest memory is write-back and coherent */
	case INSN_PAUSE:
		vcpu_skip(v, len);
		break;
	case INSN_RDPMC: /* no counters are offered */
		vcpu_inject_gp(v);
		break;
	case INSN_XSETBV:
		exit_xsetbv(v, len);
		break;
	case INSN_VMCALL:
	case INSN_VMMCALL:
		exit_hypercall(v, len);
		break;
	default: /* extensions that CPUID does not offer */
		vcpu_inject_ud(v);
		break;
	}
}

void exit_shutdown(struct vcpu *v)
{
	vm_kill(v, "triple fault");
}

void exit_failed_entry(struct vcpu *v, const char *why)
{
	vendor->dump(v);
	vm_kill(v, "the processor refused to enter it: %s", why);
}
