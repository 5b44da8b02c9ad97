/* SPDX-License-Identifier: MIT */
/*
 * Virtual CPUs: creation, events to be delivered, moving in and out of the processor.
 * Guarded by the CPU that runs the vCPU, but for what hv/vcpu.h marks "any".
 */
#include "hv/vcpu.h"

#include "drivers/virt/vlapic.h"
#include "guests/board.h"
#include "hv/control_regs.h"
#include "hv/cpu.h"
#include "hv/cpuid.h"
#include "hv/errno.h"
#include "hv/exit_handlers.h"
#include "hv/fpu.h"
#include "hv/insn_cache.h"
#include "hv/page.h"
#include "hv/percpu.h"
#include "hv/print.h"
#include "hv/runq.h"
#include "hv/smp.h"
#include "hv/string.h"
#include "hv/vendor.h"
#include "hv/vm.h"
#include "mmu/platform.h"

#define RIP_RESET 0xfff0

/* Its own CPU looks before the next entry anyway. */
static void poke(struct vcpu *v)
{
	struct percpu *cpu;

	if (this_cpu()->current == v)
		return;
	__atomic_store_n(&v->poked, true, __ATOMIC_SEQ_CST);
	cpu = __atomic_load_n(&v->cpu, __ATOMIC_ACQUIRE);
	if (cpu && __atomic_load_n(&v->in_guest, __ATOMIC_SEQ_CST))
		smp_kick(cpu);
}

void vcpu_kick(struct vcpu *v)
{
	__atomic_store_n(&v->irq_check, true, __ATOMIC_RELEASE);
	poke(v);
	if (v->state != VCPU_RUNNABLE)
		runq_wake(v);
}

void vcpu_leave(struct vcpu *v)
{
	__atomic_store_n(&v->leave, true, __ATOMIC_RELEASE);
	poke(v);
}

void vcpu_ask_flush(struct vcpu *v)
{
	if (this_cpu()->current == v) {
		mmu_hw_flush(&v->mmu);
		return;
	}
	__atomic_store_n(&v->flush_asked, true, __ATOMIC_RELEASE);
	poke(v);
}

void vcpu_wait_flush(const struct vcpu *v)
{
	const struct percpu *cpu = __atomic_load_n(&v->cpu, __ATOMIC_ACQUIRE);
	uint64_t next = 0;

	if (this_cpu()->current == v || !cpu)
		return;
	while (__atomic_load_n(&v->in_guest, __ATOMIC_ACQUIRE) &&
	       __atomic_load_n(&v->poked, __ATOMIC_ACQUIRE))
		smp_kick_again(cpu, &next);
}

void vcpu_take_poke(struct vcpu *v)
{
	vcpu_has_left(v);
	__atomic_store_n(&v->poked, false, __ATOMIC_SEQ_CST);
	if (__atomic_exchange_n(&v->flush_asked, false, __ATOMIC_SEQ_CST))
		mmu_hw_flush(&v->mmu);
}

void vcpu_nmi(struct vcpu *v)
{
	__atomic_store_n(&v->nmi_pending, true, __ATOMIC_RELEASE);
	vcpu_kick(v);
}

/* Classes of exceptions for the #DF matrix (SDM Vol. 3A table 6-4). */
enum fault_class { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

static enum fault_class fault_class(unsigned vector)
{
	switch (vector) {
	case VEC_DE:
	case VEC_TS:
	case VEC_NP:
	case VEC_SS:
	case VEC_GP:
	case VEC_CP:
		return CONTRIBUTORY;
	case VEC_PF:
		return PAGE_FAULT;
	case VEC_DF:
		return DOUBLE_FAULT;
	default:
		return BENIGN;
	}
}

void vcpu_inject_exception(struct vcpu *v, unsigned vector, bool has_error, uint32_t error)
{
	enum fault_class first = BENIGN, second = fault_class(vector);

	if (unlikely(v->delivering.type == EVENT_EXCEPTION))
		first = fault_class(v->delivering.vector);
	v->delivering.type = EVENT_NONE;
	if (unlikely(first == DOUBLE_FAULT && second != BENIGN)) {
		exit_shutdown(v);
		return;
	}
	if (unlikely((first == CONTRIBUTORY && second == CONTRIBUTORY) ||
		     (first == PAGE_FAULT && second != BENIGN))) {
		vector = VEC_DF;
		has_error = true;
		error = 0;
	}
	v->pending.type = EVENT_EXCEPTION;
	v->pending.vector = vector;
	/* Real mode has no error codes (SDM Vol. 3B 20.1.4). */
	v->pending.has_error = has_error && (v->cr0 & CR0_PE);
	v->pending.error = error;
}

void vcpu_inject_gp(struct vcpu *v)
{
	vcpu_inject_exception(v, VEC_GP, true, 0);
}

void vcpu_inject_ud(struct vcpu *v)
{
	vcpu_inject_exception(v, VEC_UD, false, 0);
}

void vcpu_inject_pf(struct vcpu *v, uint64_t va, uint32_t error)
{
	v->cr2 = va;
	vcpu_inject_exception(v, VEC_PF, true, error);
}

/* The processor clears GD when it enters the handler, which could not read DR6 otherwise
 * (SDM Vol. 3B 17.2.4); an injection does not. */
void vcpu_inject_db(struct vcpu *v)
{
	uint64_t dr7 = vendor->get_dr(v, 7);

	if (dr7 & DR7_GD)
		vendor->set_dr(v, 7, dr7 & ~DR7_GD);
	vcpu_inject_exception(v, VEC_DB, false, 0);
}

void vcpu_single_step(struct vcpu *v)
{
	vendor->set_dr(v, 6, vendor->get_dr(v, 6) | DR6_BS);
	vcpu_inject_db(v);
}

void vcpu_skip_slowly(struct vcpu *v, uint64_t from)
{
	if ((v->regs.rip ^ from) >> 32 && vendor->get_mode(v) != 8)
		v->regs.rip = (uint32_t)v->regs.rip;
	if (v->regs.rflags & RFLAGS_TF)
		vcpu_single_step(v);
}

/* One event an entry: what is pending already goes first, then NMI, then the interrupt
 * controllers. What has to wait asks for a window. */
void vcpu_look_for_events(struct vcpu *v)
{
	bool irq;

	__atomic_store_n(&v->irq_check, false, __ATOMIC_SEQ_CST);
	if (v->pending.type == EVENT_NONE && v->nmi_pending && !v->nmi_blocked && !v->intr_shadow) {
		v->nmi_pending = false;
		v->nmi_blocked = true;
		v->pending = (struct event){ .type = EVENT_NMI, .vector = VEC_NMI };
	}
	spin_lock(&v->vm->lock);
	irq = board_irq_pending(v);
	if (irq && v->pending.type == EVENT_NONE && vcpu_interruptible(v)) {
		int vector = board_irq_take(v);

		if (vector >= 0)
			v->pending = (struct event){ .type = EVENT_INTR, .vector = vector };
		irq = board_irq_pending(v);
	}
	spin_unlock(&v->vm->lock);
	v->want_window = irq || (v->nmi_pending && !v->nmi_blocked);
	/* In STI's shadow an NMI waits for the window of interrupts, which opens at its end; that of NMIs may
	 * open in it, at each entry anew (SDM Vol. 3C 25.2). */
	v->want_nmi_window = v->nmi_pending &&
			     (v->nmi_blocked || !(v->intr_shadow && (v->regs.rflags & RFLAGS_IF)));
	/* The window opens with RFLAGS.IF, which an NMI does not wait for. */
	if (unlikely(v->nmi_pending && !v->nmi_blocked))
		vcpu_kick(v);
}

static bool has_reason_to_wake(struct vcpu *v)
{
	bool irq;

	if (v->nmi_pending && !v->nmi_blocked)
		return true;
	if (__atomic_exchange_n(&v->unhalted, false, __ATOMIC_ACQUIRE))
		return true;
	if (!vcpu_interruptible(v))
		return false;
	spin_lock(&v->vm->lock);
	irq = board_irq_pending(v);
	spin_unlock(&v->vm->lock);
	return irq;
}

/* What it has looked at in vain it need not look at again. */
bool vcpu_wakes(struct vcpu *v)
{
	if (!v->irq_check)
		return false;
	__atomic_store_n(&v->irq_check, false, __ATOMIC_SEQ_CST);
	if (!has_reason_to_wake(v))
		return false;
	v->irq_check = true; /* the next entry takes the interrupt */
	return true;
}

/*
 * MTRRs as firmware leaves them for a kernel: RAM write-back by default, the VGA window and
 * the PCI hole uncached, ROM write-protected (SDM Vol. 3A 11.11.2).
 */
static void set_mtrrs(struct vcpu *v)
{
	const uint64_t wb = UINT64_C(0x0606060606060606), wp = UINT64_C(0x0505050505050505);
	uint64_t width = BIT(guest_features.maxphyaddr) - 1;
	unsigned i;

	v->mtrr_def_type = MTRR_DEF_ENABLE | MTRR_DEF_FIXED_ENABLE | MTRR_TYPE_WB;
	v->mtrr_fixed[0] = wb; /* 64 KiB each from 0 */
	v->mtrr_fixed[1] = wb; /* 16 KiB each from 0x80000 */
	v->mtrr_fixed[2] = 0; /* uncached, from 0xa0000 */
	for (i = 3; i < ARRAY_SIZE(v->mtrr_fixed); i++)
		v->mtrr_fixed[i] = wp; /* 4 KiB each from 0xc0000 */
	v->mtrr_var[0] = BOARD_PCI_HOLE; /* type 0: uncached */
	v->mtrr_var[1] = (width & ~(BOARD_HIGH_RAM - BOARD_PCI_HOLE - 1)) | MTRR_PHYSMASK_VALID;
}

/* Segments, tables and debug registers after a reset (SDM Vol. 3A 9.1.1, APM Vol. 2 14.1.3). */
static void reset_segments(struct vcpu *v)
{
	const struct segment code = {
		.sel = 0xf000, .base = 0xffff0000, .limit = 0xffff, .attr = SEG_ATTR_CODE_RX
	};
	const struct segment data = { .limit = 0xffff, .attr = SEG_ATTR_DATA_RW };
	const struct segment ldtr = { .limit = 0xffff, .attr = SEG_ATTR_LDT };
	const struct segment tr = { .limit = 0xffff, .attr = SEG_ATTR_BUSY_TSS };
	const struct descriptor_table table = { .limit = 0xffff };

	for (enum seg s = SEG_ES; s <= SEG_GS; s++)
		vendor->set_segment(v, s, s == SEG_CS ? &code : &data);
	vendor->set_segment(v, SEG_LDTR, &ldtr);
	vendor->set_segment(v, SEG_TR, &tr);
	vendor->set_tables(v, &table, &table);
	vendor->set_dr(v, 6, DR6_RESET);
	vendor->set_dr(v, 7, DR7_RESET);
}

static void forget_events(struct vcpu *v)
{
	v->pending.type = v->delivering.type = EVENT_NONE;
	v->want_window = v->want_nmi_window = false;
	v->nmi_pending = v->nmi_blocked = v->intr_shadow = false;
	v->said_asleep = v->unhalted = false;
}

/* The pages may be anything to the kernel that starts next. */
static void forget_kvm_pages(struct vcpu *v)
{
	v->kvm_system_time = v->kvm_steal_time = 0;
	v->stopped = false;
	v->waits_since = 0;
}

void vcpu_reset_registers(struct vcpu *v)
{
	const struct mmu_regs paging = { .cr0 = (v->cr0 & (CR0_CD | CR0_NW)) | CR0_ET };

	memset(v->regs.gpr, 0, sizeof(v->regs.gpr));
	memset(v->dr, 0, sizeof(v->dr));
	v->regs.gpr[REG_RDX] = guest_cpuid(v, 1, 0).eax;
	v->regs.rip = RIP_RESET;
	v->regs.rflags = RFLAGS_FIXED;
	v->cr2 = 0;
	forget_events(v);
	forget_kvm_pages(v);
	reset_segments(v);
	BUG_ON(vcpu_set_paging(v, &paging));
}

/* What INIT leaves as it is. */
static void power_on(struct vcpu *v)
{
	v->cr0 = CR0_CD | CR0_NW;
	v->xcr0 = XCR0_X87;
	v->pat = PAT_RESET;
	set_mtrrs(v);
	v->misc_enable = MISC_ENABLE_FAST_STRING | MISC_ENABLE_BTS_UNAVAIL |
			 MISC_ENABLE_PEBS_UNAVAIL;
}

int vcpu_create(struct vm *vm, unsigned id)
{
	struct vcpu *v = mem_alloc(sizeof(*v));
	int err;

	if (!v)
		return -ENOMEM;
	vm->vcpu[id] = v;
	vm->nr_vcpus = id + 1;
	v->vm = vm;
	v->id = id;
	v->state = id == 0 ? VCPU_RUNNABLE : VCPU_OFF;
	v->icache = mem_alloc(sizeof(*v->icache));
	v->fpu = fpu_alloc();
	if (!v->icache || !v->fpu)
		return -ENOMEM;
	err = mmu_vcpu_init(&v->mmu, &vm->mmu);
	if (!err)
		err = vendor->vcpu_init(v);
	if (err)
		return err;
	power_on(v);
	vcpu_reset_registers(v);
	return 0;
}

void vcpu_destroy(struct vcpu *v)
{
	struct vm *vm = v->vm;

	if (v->arch)
		vendor->vcpu_fini(v);
	if (v->mmu.mmu)
		mmu_vcpu_fini(&v->mmu);
	fpu_free(v->fpu);
	mem_free(v->icache, sizeof(*v->icache));
	vm->vcpu[v->id] = NULL;
	mem_free(v, sizeof(*v));
}

void vcpu_load(struct vcpu *v)
{
	vendor->load(v);
	fpu_load(v->fpu, v->xcr0);
	if (guest_features.rdtscp)
		wrmsr(MSR_TSC_AUX, v->tsc_aux);
	if (vendor->get_dr(v, 7) & DR7_ENABLE_MASK)
		exit_dr(v);
}

void vcpu_take_back_debug_registers(struct vcpu *v)
{
	if (!v->dr_live)
		return;
	v->dr[0] = read_dr0();
	v->dr[1] = read_dr1();
	v->dr[2] = read_dr2();
	v->dr[3] = read_dr3();
	v->dr_live = false;
	vendor->intercept_dr(v, true);
}

void vcpu_unload(struct vcpu *v)
{
	v->xcr0 = fpu_guest_xcr0();
	fpu_save(v->fpu);
	vcpu_take_back_debug_registers(v);
	vendor->unload(v);
}

uint64_t vcpu_tsc(const struct vcpu *v)
{
	return rdtsc() + v->tsc_offset;
}

void vcpu_set_tsc_offset(struct vcpu *v, uint64_t offset)
{
	v->tsc_offset = offset;
	vendor->tsc_offset_changed(v);
}

void vcpu_set_tsc(struct vcpu *v, uint64_t tsc)
{
	vcpu_set_tsc_offset(v, tsc - rdtsc());
}
