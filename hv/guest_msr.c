/* SPDX-License-Identifier: MIT */
/*
 * The MSRs of a guest. Some act, some are stored and read back, some read as a constant
 * and swallow writes; every other one is #GP (Intel SDM Vol. 4, AMD APM Vol. 2 appendix A).
 * Guarded by the CPU that runs the vCPU; the local APIC's by vm->lock.
 */
#include "hv/guest_msr.h"

#include "drivers/virt/vlapic.h"
#include "hv/control_regs.h"
#include "hv/cpu.h"
#include "hv/cpuid.h"
#include "hv/pv.h"
#include "hv/pvclock.h"
#include "hv/vendor.h"
#include "hv/vm.h"

#define MTRRCAP_VCNT 8
#define MTRRCAP_FIX BIT(8)
#define MTRRCAP_WC BIT(10)
#define MTRR_DEF_VALID (0xff | MTRR_DEF_FIXED_ENABLE | MTRR_DEF_ENABLE)
#define MC_BANKS 10 /* as most processors; none ever reports */

/* Read as `value`; a write is taken and has no effect. First match counts. */
static const struct constant_msr {
	uint32_t first, last;
	uint64_t value;
} constants[] = {
	{ MSR_P5_MC_ADDR, MSR_P5_MC_TYPE, 0 },
	{ MSR_PLATFORM_ID, MSR_PLATFORM_ID, 0 },
	{ MSR_UCODE_REV, MSR_UCODE_REV, 0x01000065 }, /* new enough for any erratum check */
	{ MSR_MCG_CAP, MSR_MCG_CAP, MC_BANKS },
	{ MSR_MCG_CTL, MSR_MCG_CTL, 0 },
	{ MSR_DEBUGCTL, MSR_DEBUGCTL, 0 },
	{ MSR_LASTBRANCHFROM, MSR_LASTINTTO, 0 },
	{ MSR_MC0_CTL, MSR_MC0_CTL + 4 * MC_BANKS - 1, 0 },
	{ MSR_K7_EVNTSEL0, MSR_K7_PERFCTR3, 0 },
	{ MSR_SYSCFG, MSR_SYSCFG, 0 },
	{ MSR_HWCR, MSR_HWCR, HWCR_TSC_FREQ_SEL },
	{ MSR_IORR_BASE0, MSR_TOP_MEM2, 0 },
	{ MSR_NB_CFG, MSR_NB_CFG, 0 },
	{ MSR_INT_PENDING, MSR_INT_PENDING, 0 },
	{ MSR_MMIO_CONF_BASE, MSR_MMIO_CONF_BASE, 0 },
	{ MSR_VM_CR, MSR_VM_CR, VM_CR_SVMDIS | VM_CR_LOCK },
	{ MSR_IGNNE, MSR_IGNNE, 0 },
	{ MSR_VM_HSAVE_PA, MSR_VM_HSAVE_PA, 0 },
	{ MSR_PERF_CTL0, MSR_PERF_CTR5, 0 },
	{ MSR_LS_CFG, MSR_BU_CFG, 0 },
	{ MSR_DE_CFG, MSR_DE_CFG, BIT(1) }, /* LFENCE is serializing */
	{ MSR_BU_CFG2, MSR_BU_CFG2, 0 },
};

static const struct constant_msr *find_constant(uint32_t msr)
{
	if (msr >> MSRS_K7_SHIFT == MSRS_K7 && !guest_features.msrs_k7)
		return NULL;
	for (unsigned i = 0; i < ARRAY_SIZE(constants); i++)
		if (msr >= constants[i].first && msr <= constants[i].last)
			return &constants[i];
	return NULL;
}

/* Where a stored MSR is kept; NULL: not one of them. */
static uint64_t *stored(struct vcpu *v, uint32_t msr)
{
	switch (msr) {
	case MSR_PAT:
		return &v->pat;
	case MSR_MTRR_DEF_TYPE:
		return &v->mtrr_def_type;
	case MSR_MISC_ENABLE:
		return &v->misc_enable;
	case MSR_MCG_STATUS:
		return &v->mcg_status;
	case MSR_MTRR_FIX64K_00000:
		return &v->mtrr_fixed[0];
	case MSR_MTRR_FIX16K_80000:
		return &v->mtrr_fixed[1];
	case MSR_MTRR_FIX16K_A0000:
		return &v->mtrr_fixed[2];
	}
	if (msr >= MSR_MTRR_FIX4K_C0000 && msr <= MSR_MTRR_FIX4K_F8000)
		return &v->mtrr_fixed[3 + msr - MSR_MTRR_FIX4K_C0000];
	if (msr >= MSR_MTRR_PHYSBASE0 && msr <= MSR_MTRR_PHYSMASK7)
		return &v->mtrr_var[msr - MSR_MTRR_PHYSBASE0];
	return NULL;
}

/* Memory types that PAT and MTRR fields may name: UC, WC, WT, WP, WB, and UC- in PAT. */
static bool types_valid(uint64_t val, unsigned fields, bool pat)
{
	for (unsigned i = 0; i < fields; i++) {
		unsigned type = val >> (8 * i) & 0xff;

		if (type > 7 || type == 2 || type == 3 || (type == 7 && !pat))
			return false;
	}
	return true;
}

static bool storable(uint32_t msr, uint64_t val)
{
	if (msr == MSR_PAT)
		return types_valid(val, 8, true);
	if (msr == MSR_MTRR_DEF_TYPE)
		return !(val & ~(uint64_t)MTRR_DEF_VALID) && types_valid(val, 1, false);
	if (msr >= MSR_MTRR_FIX64K_00000 && msr <= MSR_MTRR_FIX4K_F8000)
		return types_valid(val, 8, false);
	if (msr >= MSR_MTRR_PHYSBASE0 && msr <= MSR_MTRR_PHYSMASK7)
		return !(val >> guest_features.maxphyaddr) &&
		       ((msr & 1) || types_valid(val, 1, false));
	return true;
}

static bool is_lapic_msr(uint32_t msr)
{
	return msr == MSR_APIC_BASE || msr == MSR_TSC_DEADLINE ||
	       (msr >= MSR_X2APIC_BASE && msr <= MSR_X2APIC_LAST);
}

static bool lapic_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	bool ok;

	spin_lock(&v->vm->lock);
	ok = vlapic_msr_read(v->lapic, msr, val);
	spin_unlock(&v->vm->lock);
	return ok;
}

static bool lapic_wrmsr(struct vcpu *v, uint32_t msr, uint64_t val)
{
	bool ok;

	spin_lock(&v->vm->lock);
	ok = vlapic_msr_write(v->lapic, msr, val);
	spin_unlock(&v->vm->lock);
	return ok;
}

static bool read_special(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	switch (msr) {
	case MSR_EFER:
		*val = v->efer;
		return true;
	case MSR_TSC:
		*val = vcpu_tsc(v);
		return true;
	case MSR_TSC_AUX:
		*val = v->tsc_aux;
		return guest_features.rdtscp;
	case MSR_ARCH_CAPABILITIES:
		*val = guest_features.arch_capabilities;
		return guest_features.has_arch_capabilities;
	case MSR_MTRRCAP:
		*val = MTRRCAP_VCNT | MTRRCAP_FIX | MTRRCAP_WC;
		return true;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		*val = v->kvm_system_time;
		return true;
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		*val = v->kvm_wall_clock;
		return true;
	case MSR_KVM_STEAL_TIME:
		*val = v->kvm_steal_time;
		return pv_has_steal_time(v->vm);
	default:
		return vendor->get_msr(v, msr, val);
	}
}

bool guest_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	const struct constant_msr *c;
	uint64_t *s;

	if (is_lapic_msr(msr))
		return lapic_rdmsr(v, msr, val);
	if (read_special(v, msr, val))
		return true;
	s = stored(v, msr);
	if (s) {
		*val = *s;
		return true;
	}
	c = find_constant(msr);
	if (c)
		*val = c->value;
	return c;
}

static bool write_tsc(struct vcpu *v, uint64_t val)
{
	vcpu_set_tsc(v, val);
	pvclock_tsc_changed(v);
	spin_lock(&v->vm->lock);
	vlapic_tsc_changed(v->lapic);
	spin_unlock(&v->vm->lock);
	return true;
}

static bool write_tsc_aux(struct vcpu *v, uint64_t val)
{
	if (!guest_features.rdtscp || val >> 32)
		return false;
	v->tsc_aux = val;
	wrmsr(MSR_TSC_AUX, val);
	return true;
}

bool guest_wrmsr(struct vcpu *v, uint32_t msr, uint64_t val)
{
	uint64_t *s;

	if (is_lapic_msr(msr))
		return lapic_wrmsr(v, msr, val);
	switch (msr) {
	case MSR_EFER:
		return vcpu_set_efer(v, val) == 0;
	case MSR_TSC:
		return write_tsc(v, val);
	case MSR_TSC_AUX:
		return write_tsc_aux(v, val);
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		return pvclock_set_system_time(v, val);
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		return pvclock_set_wall_clock(v, val);
	case MSR_KVM_STEAL_TIME:
		return pv_has_steal_time(v->vm) && steal_time_set(v, val);
	case MSR_LSTAR:
	case MSR_CSTAR:
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_KERNEL_GS_BASE:
	case MSR_SYSENTER_ESP:
	case MSR_SYSENTER_EIP:
		return is_canonical(val, guest_features.linear_bits) &&
		       vendor->set_msr(v, msr, val);
	}
	if (vendor->set_msr(v, msr, val))
		return true;
	s = stored(v, msr);
	if (s) {
		if (!storable(msr, val))
			return false;
		*s = val;
		return true;
	}
	return find_constant(msr);
}
