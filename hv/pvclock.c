/* SPDX-License-Identifier: MIT */
/*
 * KVM's paravirtual clock (hv/pvclock.h). Guarded by the CPU that runs the vCPU.
 */
#include "hv/pvclock.h"

#include "hv/cpu.h"
#include "hv/guest_mem.h"
#include "hv/timer.h"
#include "hv/vm.h"

#define SYSTEM_TIME_ENABLE BIT(0)
#define PVCLOCK_TSC_STABLE 1u /* all vCPUs' pages give the same time */
#define PVCLOCK_GUEST_STOPPED 2u /* it did not run for long: no reason to suspect a lockup */

struct pvclock_time {
	uint32_t version; /* odd while it is being written */
	uint32_t pad;
	uint64_t tsc; /* guest TSC at which `ns` was right */
	uint64_t ns;
	uint32_t mul; /* ns = (ticks << shift) * mul >> 32 */
	int8_t shift;
	uint8_t flags;
	uint8_t pad2[2];
};
_Static_assert(sizeof(struct pvclock_time) == 32, "the ABI's");

struct pvclock_wall {
	uint32_t version;
	uint32_t sec, nsec; /* wall time at system time 0 */
};

/* The multiplier with the most significant bits, and the shift that goes with it. */
static void rate(uint64_t hz, uint32_t *mul, int8_t *shift)
{
	uint64_t ns = NSEC_PER_SEC;

	*shift = 0;
	while (hz > ns * 2 || hz >> 32) {
		hz >>= 1;
		--*shift;
	}
	while (hz <= ns) {
		hz <<= 1;
		++*shift;
	}
	*mul = (ns << 32) / hz;
}

/* Other vCPUs may be reading: they see an odd version until all of it is there. */
static bool publish(struct vm *vm, gpa_t page, struct pvclock_time t)
{
	uint32_t version = t.version;

	t.version--;
	if (!guest_write(vm, page, &t.version, sizeof(t.version)) ||
	    !guest_write(vm, page, &t, sizeof(t)))
		return false;
	return guest_write(vm, page, &version, sizeof(version));
}

/* `val`: of MSR_KVM_SYSTEM_TIME. */
static bool write_time(struct vcpu *v, uint64_t val, uint8_t flags)
{
	struct pvclock_time t = { .flags = PVCLOCK_TSC_STABLE | flags };
	uint64_t now = rdtsc();

	if (!(val & SYSTEM_TIME_ENABLE))
		return true;
	t.version = v->kvm_time_version + 2;
	rate(tsc_hz(), &t.mul, &t.shift);
	t.tsc = now + v->tsc_offset;
	t.ns = tsc_clock_ns(now);
	if (!publish(v->vm, GPA(val & ~SYSTEM_TIME_ENABLE), t))
		return false;
	v->kvm_time_version = t.version;
	return true;
}

bool pvclock_set_system_time(struct vcpu *v, uint64_t val)
{
	if (!write_time(v, val, 0))
		return false;
	v->kvm_system_time = val;
	return true;
}

/* Nobody to tell if the page is not memory any more: the guest was told when it gave it. */
void pvclock_tsc_changed(struct vcpu *v)
{
	(void)write_time(v, v->kvm_system_time, 0);
}

/* The guest takes the flag off when it has seen it. */
void pvclock_tell_stopped(struct vcpu *v)
{
	(void)write_time(v, v->kvm_system_time, PVCLOCK_GUEST_STOPPED);
}

bool pvclock_set_wall_clock(struct vcpu *v, uint64_t val)
{
	uint64_t now = clock_ns();
	uint64_t boot = clock_wall_seconds() * NSEC_PER_SEC - now;
	struct pvclock_wall w = {
		.version = 2,
		.sec = boot / NSEC_PER_SEC,
		.nsec = boot % NSEC_PER_SEC,
	};

	if (!guest_write(v->vm, GPA(val), &w, sizeof(w)))
		return false;
	v->kvm_wall_clock = val;
	return true;
}
