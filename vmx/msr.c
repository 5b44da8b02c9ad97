/* SPDX-License-Identifier: MIT */
/*
 * The guest's MSRs that the processor itself uses.
 *
 * FS_BASE, GS_BASE and SYSENTER_* are in the VMCS. The others stay in the processor while the
 * vCPU is loaded: xihv has no user mode, so it uses neither SYSCALL nor SWAPGS, and needs no
 * list of MSRs that each exit stores and loads, on any processor. The same goes for EFER.SCE;
 * LME and LMA follow from the VM-entry control "IA-32e mode guest", where EFER is not loaded
 * as a whole (Intel SDM Vol. 3C 26.3.2.1, 27.5.1), and NXE is on in xihv as in its guests.
 * PAT needs nothing either: no shadow entry chooses another type than the host's (mmu/spte.h),
 * and what the guest writes is a stored value.
 *
 * Guarded by the CPU that runs the vCPU.
 */
#include "hv/cpu.h"
#include "hv/vm.h"
#include "vmx/vmx.h"

/* The MSR bitmap (24.6.9): reads and writes of low and high MSRs, a bit each. */
#define BITMAP_WRITE_OFFSET 2048
#define BITMAP_HIGH_OFFSET 1024
#define FIRST_HIGH_MSR 0xc0000000u
#define BITMAP_INDEX_MASK 0x1fffu

static const uint32_t resident[NR_RESIDENT_MSRS] = {
	[RESIDENT_STAR] = MSR_STAR,
	[RESIDENT_LSTAR] = MSR_LSTAR,
	[RESIDENT_CSTAR] = MSR_CSTAR,
	[RESIDENT_SFMASK] = MSR_SFMASK,
	[RESIDENT_KERNEL_GS_BASE] = MSR_KERNEL_GS_BASE,
};

static const struct {
	uint32_t msr;
	enum vmcs_field field;
} in_vmcs[] = {
	{ MSR_FS_BASE, VMCS_GUEST_ES_BASE + SEG_FS *VMCS_SEG_STEP },
	{ MSR_GS_BASE, VMCS_GUEST_ES_BASE + SEG_GS *VMCS_SEG_STEP },
	{ MSR_SYSENTER_CS, VMCS_GUEST_SYSENTER_CS },
	{ MSR_SYSENTER_ESP, VMCS_GUEST_SYSENTER_ESP },
	{ MSR_SYSENTER_EIP, VMCS_GUEST_SYSENTER_EIP },
};

static void let_through(uint8_t *bitmap, uint32_t msr)
{
	uint8_t *reads = bitmap + (msr >= FIRST_HIGH_MSR ? BITMAP_HIGH_OFFSET : 0);
	uint32_t n = msr & BITMAP_INDEX_MASK;

	reads[n / 8] &= ~(1u << n % 8);
	reads[BITMAP_WRITE_OFFSET + n / 8] &= ~(1u << n % 8);
}

void vmx_let_msrs_through(void *bitmap)
{
	for (unsigned i = 0; i < NR_RESIDENT_MSRS; i++)
		let_through(bitmap, resident[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(in_vmcs); i++)
		let_through(bitmap, in_vmcs[i].msr);
}

static bool get_resident(const struct vmx_vcpu *s, uint32_t msr, uint64_t *val)
{
	for (unsigned i = 0; i < NR_RESIDENT_MSRS; i++)
		if (resident[i] == msr) {
			*val = s->loaded ? rdmsr(msr) : s->msr[i];
			return true;
		}
	return false;
}

static bool set_resident(struct vmx_vcpu *s, uint32_t msr, uint64_t val)
{
	for (unsigned i = 0; i < NR_RESIDENT_MSRS; i++)
		if (resident[i] == msr) {
			if (s->loaded && wrmsr_safe(msr, val))
				return false; /* reserved bits, such as the high half of FMASK */
			s->msr[i] = val;
			return true;
		}
	return false;
}

bool vmx_get_msr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	for (unsigned i = 0; i < ARRAY_SIZE(in_vmcs); i++)
		if (in_vmcs[i].msr == msr) {
			vmx_make_current(to_vmx(v));
			*val = vmcs_read(in_vmcs[i].field);
			return true;
		}
	return get_resident(to_vmx(v), msr, val);
}

bool vmx_set_msr(struct vcpu *v, uint32_t msr, uint64_t val)
{
	for (unsigned i = 0; i < ARRAY_SIZE(in_vmcs); i++)
		if (in_vmcs[i].msr == msr) {
			vmx_make_current(to_vmx(v));
			vmcs_write(in_vmcs[i].field, val);
			return true;
		}
	return set_resident(to_vmx(v), msr, val);
}

/* SYSCALL is undefined in the guest, or not, by xihv's own EFER. */
void vmx_choose_sce(struct vcpu *v)
{
	uint64_t efer = rdmsr(MSR_EFER), want = (efer & ~EFER_SCE) | (v->efer & EFER_SCE);

	if (efer != want)
		wrmsr(MSR_EFER, want);
}

/* What the guest could write with its CR4.LA57 and we cannot with ours: some processors, and KVM up to
 * Linux 6.12, ask the current mode which addresses are canonical. */
static void refuse(struct vcpu *v, uint32_t msr, uint64_t val)
{
	wrmsr(msr, 0); /* not another guest's */
	vm_kill(v, "MSR 0x%x holds 0x%llx, which its processor does not take back without LA57",
		msr, (unsigned long long)val);
}

void vmx_load_msrs(struct vcpu *v)
{
	struct vmx_vcpu *s = to_vmx(v);

	for (unsigned i = 0; i < NR_RESIDENT_MSRS; i++)
		if (wrmsr_safe(resident[i], s->msr[i]))
			refuse(v, resident[i], s->msr[i]);
	s->loaded = true;
	vmx_choose_sce(v);
}

void vmx_unload_msrs(struct vcpu *v)
{
	struct vmx_vcpu *s = to_vmx(v);

	if (!s->loaded)
		return;
	for (unsigned i = 0; i < NR_RESIDENT_MSRS; i++)
		s->msr[i] = rdmsr(resident[i]);
	s->loaded = false;
}
