/* SPDX-License-Identifier: MIT */
/*
 * KVM's features by name, and its hypercalls (hv/pv.h). Guarded by the CPU that runs the vCPU;
 * the local APICs by vm->lock.
 */
#include "hv/pv.h"

#include "drivers/virt/vlapic.h"
#include "hv/vm.h"

/* Leaf 0x40000001 EAX, by bit */
enum kvm_feature {
	KVM_CLOCKSOURCE = 0,
	KVM_NOP_IO_DELAY = 1,
	KVM_CLOCKSOURCE2 = 3,
	KVM_STEAL_TIME = 5,
	KVM_PV_UNHALT = 7,
	KVM_PV_TLB_FLUSH = 9,
	KVM_PV_SEND_IPI = 11,
	KVM_PV_SCHED_YIELD = 13,
	KVM_CLOCKSOURCE_STABLE = 24, /* needs no correction between vCPUs */
};

enum kvm_hypercall {
	KVM_HC_KICK_CPU = 5,
	KVM_HC_SEND_IPI = 10,
	KVM_HC_SCHED_YIELD = 11,
};

#define KVM_ENOSYS UINT64_C(1000)

static const uint8_t cpuid_bit[PV_NR_FEATURES] = { KVM_STEAL_TIME, KVM_PV_UNHALT, KVM_PV_SEND_IPI,
						   KVM_PV_TLB_FLUSH, KVM_PV_SCHED_YIELD };

/* They are about other vCPUs, but for the waiting. */
static bool offered(const struct vm *vm, enum pv_feature f)
{
	return !(vm->config.without_pv & f) && (f == PV_STEAL || vm->nr_vcpus > 1);
}

bool pv_has_steal_time(const struct vm *vm)
{
	return offered(vm, PV_STEAL);
}

uint32_t pv_cpuid(const struct vm *vm)
{
	uint32_t eax = BIT(KVM_CLOCKSOURCE) | BIT(KVM_NOP_IO_DELAY) | BIT(KVM_CLOCKSOURCE2) |
		       BIT(KVM_CLOCKSOURCE_STABLE);

	for (unsigned i = 0; i < PV_NR_FEATURES; i++)
		if (offered(vm, (enum pv_feature)(1 << i)))
			eax |= BIT(cpuid_bit[i]);
	return eax;
}

/* A vCPU has its number for an APIC ID. */
static struct vcpu *by_apic_id(struct vm *vm, uint64_t id)
{
	return id < vm->nr_vcpus ? vm->vcpu[id] : NULL;
}

/* It goes on behind its HLT, or the next one, whatever its interrupt flag is. */
static uint64_t kick_cpu(struct vm *vm, uint64_t apic_id)
{
	struct vcpu *v = by_apic_id(vm, apic_id);

	if (v) {
		__atomic_store_n(&v->unhalted, true, __ATOMIC_RELEASE);
		vcpu_kick(v);
	}
	return 0;
}

/* To the APIC IDs from `first` whose bits are set. How many took it. */
static uint64_t send_ipi(struct vm *vm, uint64_t ids, uint64_t first, uint32_t icr)
{
	uint64_t taken = 0;

	for (; ids; ids &= ids - 1) {
		struct vcpu *v = by_apic_id(vm, first + (unsigned)__builtin_ctzll(ids));

		if (v)
			taken += vlapic_deliver(v->lapic,
						icr >> APIC_ICR_MODE_SHIFT & APIC_ICR_MODE_MASK,
						(uint8_t)icr, false);
	}
	return taken;
}

/* Two words of bits, as wide as the guest's. */
static uint64_t send_ipis(struct vcpu *v, const uint64_t arg[4])
{
	unsigned width = vcpu_long_mode(v) ? 64 : 32;
	uint64_t taken;

	spin_lock(&v->vm->lock);
	taken = send_ipi(v->vm, arg[0], arg[2], (uint32_t)arg[3]);
	taken += send_ipi(v->vm, arg[1], arg[2] + width, (uint32_t)arg[3]);
	spin_unlock(&v->vm->lock);
	return taken;
}

/* It lets that one go first, at nobody else's cost. */
static uint64_t yield_to(struct vcpu *v, uint64_t apic_id)
{
	const struct vcpu *to = by_apic_id(v->vm, apic_id);

	if (to && to != v)
		v->runtime = MAX(v->runtime, to->runtime + 1);
	v->leave = true;
	return 0;
}

uint64_t pv_hypercall(struct vcpu *v, uint64_t nr, const uint64_t arg[4])
{
	if (nr == KVM_HC_KICK_CPU && offered(v->vm, PV_UNHALT))
		return kick_cpu(v->vm, arg[1]);
	if (nr == KVM_HC_SEND_IPI && offered(v->vm, PV_IPI))
		return send_ipis(v, arg);
	if (nr == KVM_HC_SCHED_YIELD && offered(v->vm, PV_YIELD))
		return yield_to(v, arg[0]);
	return -KVM_ENOSYS;
}
