/* SPDX-License-Identifier: MIT */
/*
 * A virtual CPU: the guest's architectural state that is neither a page table (mmu/) nor a
 * device, in vendor-neutral form. While the vCPU is not in guest mode, `regs`, `cr*`, `efer`
 * are the truth; segments, descriptor tables and the MSRs that the processor switches stay
 * with the vendor back end and go through its operations.
 *
 * Guarded by: the CPU that runs the vCPU. Other contexts touch only what is marked "any".
 */
#ifndef HV_VCPU_H
#define HV_VCPU_H

#include "hv/emul.h"
#include "hv/exit.h"
#include "hv/x86.h"
#include "hv/stat_types.h"
#include "mmu/mmu.h"

struct percpu;
struct vm;
struct vlapic;
struct insn_cache;

enum vcpu_state {
	VCPU_OFF, /* waits for INIT-SIPI */
	VCPU_RUNNABLE,
	VCPU_HALTED, /* HLT: waits for an interrupt */
	VCPU_DEAD, /* its VM ended */
};

/* What EVENTINJ and the VM-entry interruption field call a type (APM Vol. 2 15.20, SDM Vol. 3C
 * 24.8.3); the back ends translate. A software interrupt is no event here: whatever hinders
 * its delivery, the instruction is run again. */
enum event_type { EVENT_NONE, EVENT_INTR, EVENT_NMI, EVENT_EXCEPTION };

struct event {
	enum event_type type;
	uint8_t vector;
	bool has_error;
	uint32_t error;
};

struct vcpu {
	struct cpu_regs regs;
	uint64_t cr0, cr2, cr3, cr4, efer; /* as the guest sees them */
	uint64_t xcr0; /* while not in the processor */
	uint64_t t_exit; /* TSC at the latest exit */

	struct vm *vm;
	unsigned id;
	enum vcpu_state state;
	/* The scheduler's (hv/sched.c): */
	struct percpu *cpu; /* that has it; NULL: none. Read by any */
	const struct percpu *last_cpu;
	uint64_t runtime; /* TSC ticks that it has run, or is treated as if */

	/* Between its CPU and others: in_guest is set before the last look at `poked`, and whoever
	 * sets `poked` looks at in_guest after it. */
	bool in_guest; /* in guest mode, or beyond that look; read by any */
	bool poked; /* any: look at all that is marked "any" before entering */
	bool flush_asked; /* any: forget all translations before entering */

	void *arch; /* the vendor's: struct svm_vcpu, struct vmx_vcpu */
	struct vlapic *lapic;

	/* Event to be delivered at the next entry, and what the exit interrupted. */
	struct event pending; /* EVENT_NONE: nothing */
	struct event delivering; /* the latest exit came while this was being delivered */
	bool want_window; /* exit as soon as the guest can take an interrupt */
	bool want_nmi_window; /* an NMI waits: exit as soon as the guest can take it */
	bool nmi_pending; /* any */
	bool unhalted; /* any: it wakes from this HLT or the next (hv/pv.c) */
	/* From NMI delivery to IRET, and after STI or MOV SS: the back end keeps them true. */
	bool nmi_blocked;
	bool intr_shadow;
	bool irq_check; /* any: interrupt controllers changed, look at the next entry */
	bool leave; /* any: go back to the run loop before entering */
	/* INIT and SIPI that wait for the run loop (hv/startup.c). Under vm->lock, read anywhere. */
	bool init_pending;
	bool sipi_pending;
	uint8_t sipi_vector;

	/* Stored values that guests read back and nothing else uses. */
	uint64_t pat, apic_base, misc_enable, mtrr_def_type;
	uint64_t mtrr_fixed[11], mtrr_var[16];
	uint8_t tpr; /* the local APIC's task priority, and CR8 its high half */
	uint64_t tsc_offset; /* guest TSC = host TSC + offset */
	uint64_t tsc_aux;
	uint64_t kvm_system_time, kvm_wall_clock, kvm_steal_time; /* MSR_KVM_*: gpa | enable */
	uint32_t kvm_time_version; /* of what was written last */
	/* hv/steal_time.c: */
	bool stopped; /* the guest has been told that it does not run */
	uint64_t waits_since; /* TSC since which it could run and does not; 0: not so */
	uint64_t waited; /* TSC ticks, in all */
	uint64_t steal_told; /* nanoseconds of that in the guest's page */
	uint64_t mcg_status;
	uint64_t dr[4]; /* DR0-3 while not in the processor */
	bool dr_live; /* DR0-3 are in the processor, DR accesses do not exit */
	void *fpu; /* XSAVE or FXSAVE image while not in the processor */
	bool said_asleep; /* halted with interrupts off: reported once */

	struct insn_cache *icache;
	struct exit_stats exits;
	struct tick_profile ticks; /* stats_tick's */
	struct mmu_vcpu mmu;
};

/* The interrupt controllers changed: look at the next entry; wakes a halted vCPU, and makes
 * one in guest mode on another CPU exit. Any context. */
void vcpu_kick(struct vcpu *v);

/* Go back to the run loop before entering. Any context. */
void vcpu_leave(struct vcpu *v);

/* Forget all translations before the next guest instruction. What the vCPU runs on another CPU
 * meanwhile is over when vcpu_wait_flush returns; call it after a number of vcpu_ask_flush. */
void vcpu_ask_flush(struct vcpu *v);
void vcpu_wait_flush(const struct vcpu *v);

/* An NMI, by the local APIC or LINT1. Any context. */
void vcpu_nmi(struct vcpu *v);

/* INIT and SIPI came, by the local APIC (SDM Vol. 3A 8.4, 10.6.1). Any context, under
 * vm->lock. */
void vcpu_init_signal(struct vcpu *v);
void vcpu_sipi(struct vcpu *v, uint8_t vector);

static inline bool vcpu_start_changes(const struct vcpu *v)
{
	return v->init_pending || v->sipi_pending;
}

/* Do what those two ask for. Run loop; the vCPU is not loaded anywhere. */
void vcpu_take_start_signals(struct vcpu *v);

/* Deliver exception `vector` to the guest at the next entry. If an event was being
 * delivered when the exit came, the #DF matrix decides (SDM Vol. 3A 6.15, table 6-5);
 * a triple fault ends the guest. */
void vcpu_inject_exception(struct vcpu *v, unsigned vector, bool has_error, uint32_t error);
void vcpu_inject_gp(struct vcpu *v); /* #GP(0) */
void vcpu_inject_ud(struct vcpu *v);
void vcpu_inject_db(struct vcpu *v); /* DR6 says why already */
void vcpu_inject_pf(struct vcpu *v, uint64_t va, uint32_t error);

/* Go on behind the instruction of `len` bytes: advances rip (wraps by mode), ends the
 * interrupt shadow, delivers #DB if RFLAGS.TF. */
static inline void vcpu_skip(struct vcpu *v, unsigned len);

/* The instruction at rip, decoded from the bytes that the processor fetched; _at: by a back
 * end that has its linear address and code size at hand. NULL: the bytes are not there any
 * more (another vCPU was quicker), or are no instruction and the guest has its exception: run
 * it again. op == INSN_NONE: outside the
 * emulator's scope. */
const struct insn *vcpu_insn(struct vcpu *v);
const struct insn *vcpu_insn_at(struct vcpu *v, uint64_t la, unsigned mode);

/* Execute the instruction at rip, which touched something that no shadow entry can
 * express (MMIO, ROM, CR0.WP=0 under SMAP). `gpa` is where, for the message
 * with which a guest ends whose instruction is out of scope. */
void vcpu_emulate(struct vcpu *v, gpa_t gpa);

/* A write to `gpa` that the processor could not do, and nobody else can. True: it can now, for the
 * frame is RAM that holds no table any more. */
must_check bool vcpu_unprotect(struct vcpu *v, gpa_t gpa);

/* Execute a given one, which is at rip. False: it is outside the emulator's scope. */
must_check bool vcpu_emulate_insn(struct vcpu *v, const struct insn *insn);

/* Execute the one at rip whatever it does, as if there were no processor (hv/step.c); fetching it
 * may give an exception. False: it is outside the scope. */
must_check bool vcpu_step(struct vcpu *v);

/* Real mode: deliver what is pending by the interrupt table. */
void vcpu_deliver_real(struct vcpu *v);

/* End a guest that cannot go on without the instruction at rip, with its bytes. `where`: "at ..." */
void vcpu_kill_outside_scope(struct vcpu *v, const char *where);

/* INS and OUTS, which may touch memory that way as well. */
void vcpu_emulate_string_io(struct vcpu *v);

/* LMSW and SMSW, whose operand may be memory. */
void vcpu_emulate_lmsw(struct vcpu *v, const struct insn *insn);
void vcpu_emulate_smsw(struct vcpu *v, const struct insn *insn);

/* Decide what the next entry delivers. Called by the back end before each entry; the
 * common case is inline. */
void vcpu_look_for_events(struct vcpu *v);

static inline void vcpu_before_entry(struct vcpu *v)
{
	if (unlikely(v->irq_check))
		vcpu_look_for_events(v);
}

/* What another CPU asked for is done, or looked at before the next try. */
void vcpu_take_poke(struct vcpu *v);

static inline void vcpu_is_entering(struct vcpu *v)
{
	(void)__atomic_exchange_n(&v->in_guest, true, __ATOMIC_SEQ_CST);
}

/* Between vcpu_before_entry and the entry: false, another CPU wants something that comes first.
 * The back end tells when the guest has been left. */
static inline bool vcpu_may_enter(struct vcpu *v)
{
	vcpu_is_entering(v);
	if (likely(!__atomic_load_n(&v->poked, __ATOMIC_RELAXED)))
		return true;
	vcpu_take_poke(v);
	return false;
}

static inline void vcpu_has_left(struct vcpu *v)
{
	__atomic_store_n(&v->in_guest, false, __ATOMIC_RELEASE);
}

/* A halted vCPU has something to wake for. Run loop. */
bool vcpu_wakes(struct vcpu *v);

/* Make a vCPU of `vm` in the architectural reset state, and undo it. 0, -ENOMEM, -EINVAL. */
must_check int vcpu_create(struct vm *vm, unsigned id);
/* What INIT resets of it (SDM Vol. 3A table 9-1); it is not loaded anywhere. */
void vcpu_reset_registers(struct vcpu *v);
void vcpu_destroy(struct vcpu *v);

/* The vCPU's registers come into this processor / leave it (FPU, DR0-3, TSC_AUX). */
void vcpu_load(struct vcpu *v);
void vcpu_unload(struct vcpu *v);

/* DR0-3 leave the processor, if they are in it. */
void vcpu_take_back_debug_registers(struct vcpu *v);

/* Guest reads TSC / sets it (MSR 0x10); what it is ahead of the host's. */
uint64_t vcpu_tsc(const struct vcpu *v);
void vcpu_set_tsc(struct vcpu *v, uint64_t tsc);
void vcpu_set_tsc_offset(struct vcpu *v, uint64_t offset);

/* The guest would take an interrupt now. */
static inline bool vcpu_interruptible(const struct vcpu *v)
{
	return (v->regs.rflags & RFLAGS_IF) && !v->intr_shadow;
}

/* For a back end: the exit was none of the guest's business, and what it interrupted is delivered
 * again. */
static inline void vcpu_reinject(struct vcpu *v)
{
	if (v->pending.type == EVENT_NONE)
		v->pending = v->delivering;
	v->delivering.type = EVENT_NONE;
}

/* What is left to do when rip has moved on from `from`: wrap it, single step. */
void vcpu_skip_slowly(struct vcpu *v, uint64_t from);

/* The #DB of RFLAGS.TF behind an instruction. */
void vcpu_single_step(struct vcpu *v);

static inline void vcpu_skip(struct vcpu *v, unsigned len)
{
	uint64_t from = v->regs.rip;

	v->regs.rip = from + len;
	v->intr_shadow = false;
	if (unlikely((v->regs.rip ^ from) >> 32 || (v->regs.rflags & RFLAGS_TF)))
		vcpu_skip_slowly(v, from);
}

static inline bool vcpu_long_mode(const struct vcpu *v)
{
	return v->efer & EFER_LMA;
}

#endif
