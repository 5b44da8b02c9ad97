// SPDX-License-Identifier: MIT
/*
 * MSRs, control registers and CPUID of a guest (hv/guest_msr.c, control_regs.c, cpuid.c,
 * pvclock.c), on a processor whose CPUID answers are the input's.
 *
 *  F1  What is refused (#GP) changes nothing.
 *  F2  A stored MSR that was written reads as it was written; each MSR reads the same twice.
 *  F3  Control registers fit together: PG with PE, NW with CD, LMA as LME and PG, long mode with
 *      PAE, no bit that was not offered; LA57 does not change in long mode.
 *  F4  CPUID offers no feature that xihv does not virtualize, and the hypervisor bit always.
 *  F5  PAT and MTRRs hold memory types that exist.
 */
#include <assert.h>
#include <string.h>

#include "hv/control_regs.h"
#include "hv/cpuid.h"
#include "hv/errno.h"
#include "hv/fpu.h"
#include "hv/guest_msr.h"
#include "hv/msr.h"
#include "hv/timer.h"
#include "hv/vendor.h"
#include "hv/vm.h"
#include "drivers/virt/apic_bus.h"
#include "drivers/virt/vlapic.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_hv.h"

#define LEAVES 0x20u
#define EXT 0x80000000u
#define VENDOR_MSRS 10

static struct vm vm;
static struct vcpu vcpu;
static struct apic_bus bus;
static uint32_t host[2][LEAVES][4]; /* basic and extended leaves */
static uint64_t host_xcr0;
static unsigned code_size; /* the guest's code segment */
static bool mmu_refuses;
static bool no_la57; /* the processor has it, but not in guests */

/* --- the processor -------------------------------------------------------------------- */

struct cpuid_regs fake_cpuid(uint32_t leaf, uint32_t subleaf)
{
	const uint32_t *r = host[leaf >> 31][leaf % LEAVES];

	return (struct cpuid_regs){ r[0], r[1] ^ subleaf, r[2], r[3] };
}

uint64_t fake_rdmsr(uint32_t msr)
{
	assert(msr == MSR_ARCH_CAPABILITIES);
	return ~UINT64_C(0);
}

void fake_wrmsr(uint32_t msr, uint64_t val)
{
	assert(msr == MSR_TSC_AUX && !(val >> 32));
}

void fake_xsetbv(uint32_t index, uint64_t val)
{
	assert(index == 0 && (val & 1) && !(val & ~host_xcr0));
}

uint64_t fake_rdtsc(void)
{
	return ns_to_tsc(clock_ns());
}

unsigned fake_maxphyaddr(void)
{
	return 32 + host[1][8][0] % 21;
}

uint64_t fpu_xcr0_mask(void)
{
	return host_xcr0;
}

uint64_t fpu_guest_xcr0(void)
{
	return host_xcr0 & 1;
}

uint64_t tsc_clock_ns(uint64_t tsc)
{
	return tsc_to_ns(tsc);
}

void vcpu_set_tsc(struct vcpu *v, uint64_t tsc)
{
	v->tsc_offset = tsc - fake_rdtsc();
}

int mmu_set_regs(struct mmu_vcpu *v, const struct mmu_regs *regs)
{
	(void)v;
	(void)regs;
	return mmu_refuses ? -EINVAL : 0;
}

int mmu_set_cr3(struct mmu_vcpu *v, uint64_t cr3)
{
	(void)v;
	(void)cr3;
	return mmu_refuses ? -EINVAL : 0;
}

static const uint32_t vendor_msrs[VENDOR_MSRS] = {
	MSR_STAR,    MSR_LSTAR,		 MSR_CSTAR,	  MSR_SFMASK,	    MSR_FS_BASE,
	MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
};
static uint64_t vendor_values[VENDOR_MSRS];

static uint64_t *vendor_msr(uint32_t msr)
{
	for (unsigned i = 0; i < VENDOR_MSRS; i++)
		if (vendor_msrs[i] == msr)
			return &vendor_values[i];
	return NULL;
}

static bool get_msr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	const uint64_t *p = vendor_msr(msr);

	(void)v;
	if (p)
		*val = *p;
	return p;
}

static bool set_msr(struct vcpu *v, uint32_t msr, uint64_t val)
{
	uint64_t *p = vendor_msr(msr);

	(void)v;
	if (p)
		*p = val;
	return p;
}

bool mmu_guest_update(struct mmu *m, gpa_t gpa, unsigned len, void (*change)(void *host, void *arg),
		      void *arg)
{
	(void)m;
	if (gpa.v > sizeof(fake_memory) - len)
		return false;
	change(fake_memory + gpa.v, arg);
	return true;
}

void mmu_flush(struct mmu_vcpu *v, bool global)
{
	(void)v;
	(void)global;
}

static void paging_changed(struct vcpu *v)
{
	(void)v;
}

static uint64_t possible_cr4(void)
{
	return no_la57 ? ~CR4_LA57 : ~UINT64_C(0);
}

static unsigned get_mode(struct vcpu *v)
{
	return v->efer & EFER_LMA ? code_size : MIN(code_size, 4u);
}

static void get_segment(struct vcpu *v, enum seg s, struct segment *out)
{
	(void)v;
	(void)s;
	*out = (struct segment){ .attr = code_size == 8 ? SEG_L : 0 };
}

static const struct vendor_ops ops = {
	.name = "fuzzer's",
	.get_msr = get_msr,
	.set_msr = set_msr,
	.paging_changed = paging_changed,
	.possible_cr4 = possible_cr4,
	.get_mode = get_mode,
	.get_segment = get_segment,
};
const struct vendor_ops *vendor = &ops;

/* --- what must hold ------------------------------------------------------------------- */

static bool memory_types_ok(uint64_t val, bool pat)
{
	for (unsigned i = 0; i < 8; i++, val >>= 8) {
		unsigned type = val & 0xff;

		if (type > 7 || type == 2 || type == 3 || (type == 7 && !pat))
			return false;
	}
	return true;
}

static void check(void)
{
	const struct vcpu *v = &vcpu;

	assert(!(v->cr0 & CR0_PG) || (v->cr0 & CR0_PE)); /* F3 */
	assert(!(v->cr0 & CR0_NW) || (v->cr0 & CR0_CD));
	assert(!(v->cr4 & ~guest_features.cr4) && !(v->efer & ~guest_features.efer));
	assert(!(v->efer & EFER_LMA) == !((v->efer & EFER_LME) && (v->cr0 & CR0_PG)));
	assert(!(v->efer & EFER_LMA) || (v->cr4 & CR4_PAE));
	assert(memory_types_ok(v->pat, true)); /* F5 */
	for (unsigned i = 0; i < 11; i++)
		assert(memory_types_ok(v->mtrr_fixed[i], false));
	assert(!vm.lock.held);
}

/* A register of each kind, by a number that a byte reaches. */
static uint32_t take_msr(struct input *in)
{
	static const uint32_t bases[] = { 0x000,      0x100,	  0x200,      0x2f0,
					  0x400,      0x6e0,	  0x800,      0x8c0,
					  0x4b564d00, 0xc0000080, 0xc0000100, 0xc0010000,
					  0xc0010100, 0xc0010200, 0xc0011000, 0x179 };
	uint32_t base = bases[take(in, 1) % 16];

	return base + (uint32_t)take(in, 1);
}

/* The time goes on by itself; these two are read from it. */
static bool is_clock(uint32_t msr)
{
	return msr == MSR_TSC || msr - 0x800 == 0x39;
}

static void read_msr(struct input *in)
{
	uint32_t msr = take_msr(in);
	uint64_t a = 0x5a5a, b = 0xa5a5;
	bool ok = guest_rdmsr(&vcpu, msr, &a);

	assert(guest_rdmsr(&vcpu, msr, &b) == ok && (!ok || a == b || is_clock(msr))); /* F2 */
}

/* Those whose value is kept as it was written. */
static bool is_stored(uint32_t msr)
{
	return vendor_msr(msr) || msr == MSR_PAT || msr == MSR_MTRR_DEF_TYPE ||
	       (msr >= 0x200 && msr <= 0x20f) || msr == MSR_TSC_AUX ||
	       (msr >= MSR_MTRR_FIX64K_00000 && msr <= MSR_MTRR_FIX4K_F8000);
}

static void write_msr(struct input *in)
{
	static struct vcpu before;
	uint32_t msr = take_msr(in);
	uint64_t val = take(in, 8), back, was;
	bool readable = guest_rdmsr(&vcpu, msr, &was);

	before = vcpu;
	if (guest_wrmsr(&vcpu, msr, val)) {
		assert(!is_stored(msr) || (guest_rdmsr(&vcpu, msr, &back) && back == val)); /* F2 */
		return;
	}
	assert(!memcmp(&before, &vcpu, sizeof(vcpu))); /* F1 */
	assert(guest_rdmsr(&vcpu, msr, &back) == readable);
	assert(!readable || is_clock(msr) || back == was);
}

static void write_control(struct input *in)
{
	static struct vcpu before;
	unsigned what = (unsigned)take(in, 1);
	uint64_t val = take(in, what & 0x80 ? 8 : 4);
	int err;

	mmu_refuses = (what & 0x70) == 0x70;
	before = vcpu;
	switch (what & 7) {
	case 0:
		err = vcpu_set_cr0(&vcpu, val);
		break;
	case 1:
		err = vcpu_set_cr3(&vcpu, val);
		break;
	case 2:
		err = vcpu_set_cr4(&vcpu, val & guest_features.cr4);
		break;
	case 3:
		err = vcpu_set_cr4(&vcpu, val);
		break;
	case 4:
		err = vcpu_set_cr8(&vcpu, val & 31);
		break;
	case 5:
		err = vcpu_set_xcr0(val & 15);
		break;
	case 6:
		err = vcpu_set_efer(&vcpu, val & guest_features.efer);
		break;
	default:
		code_size = val & 1 ? 8 : val & 2 ? 4 : 2;
		err = 0;
	}
	mmu_refuses = false;
	assert(!err || !memcmp(&before, &vcpu, sizeof(vcpu))); /* F1 */
	assert(!(before.efer & vcpu.efer & EFER_LMA) || /* F3 */
	       !((before.cr4 ^ vcpu.cr4) & CR4_LA57));
}

/* F4; bits by the manuals' tables. */
static void check_cpuid(struct input *in)
{
	uint32_t leaf = (uint32_t)take(in, 1), sub = (uint32_t)take(in, 1);
	struct cpuid_regs r;

	leaf = leaf & 0x80   ? EXT | (leaf & 0x1f)
	       : leaf & 0x40 ? 0x40000000 + (leaf & 0x1f) * 16
			     : leaf;
	r = guest_cpuid(&vcpu, leaf, sub);
	if (leaf == 1) {
		assert(r.ecx >> 31 && !(r.ecx & (1u << 3 | 1u << 5 | 1u << 6 | 1u << 17)));
		assert(!(r.ecx >> 27 & 1) == !(vcpu.cr4 & CR4_OSXSAVE));
		assert(!(r.edx & 1u << 28));
	}
	if (leaf == 7 && !sub)
		assert(!(r.ecx >> 16 & 1) == !(guest_features.cr4 & CR4_LA57) &&
		       !(r.ecx >> 16 & 1 && (no_la57 || !(host[0][7][2] >> 16 & 1))));
	if (leaf == 7)
		assert(!(r.ebx & (1u << 2 | 1u << 4 | 1u << 10 | 1u << 11 | 1u << 16)) &&
		       !(r.ecx & (1u << 3 | 1u << 7)) && !(r.edx & 0x8c000000));
	if (leaf == (EXT | 8) && r.eax)
		assert((r.eax >> 8 & 0xff) == (guest_features.cr4 & CR4_LA57 ? 57 : 48));
	if (leaf == (EXT | 1))
		assert(!(r.ecx & (1u << 2 | 1u << 12)));
	if (leaf == 0xa || (leaf > 0xd && leaf < 0x40000000))
		assert(!r.eax && !r.ebx && !r.ecx && !r.edx);
}

/* Reset state (APM Vol. 2 14.1.3), as far as it is looked at here. */
static void setup(struct input *in)
{
	unsigned what;

	fake_reset();
	for (unsigned i = 0; i < 16; i++) {
		uint64_t what = take(in, 1);

		host[what >> 4 & 1][what & 15][what >> 5 & 3] = (uint32_t)take(in, 4);
	}
	host[0][0][0] = (uint32_t)take(in, 1) % LEAVES;
	host[1][0][0] = EXT + (uint32_t)take(in, 1) % LEAVES;
	what = (unsigned)take(in, 1);
	host_xcr0 = (what & 6) | 1;
	no_la57 = what & 8;
	code_size = 4;
	mmu_refuses = false;
	memset(&vm, 0, sizeof(vm));
	memset(vendor_values, 0, sizeof(vendor_values));
	memset(&vcpu, 0, sizeof(vcpu));
	bus = (struct apic_bus){ 0 };
	vcpu.vm = &vm;
	vcpu.cr0 = CR0_ET;
	vcpu.pat = 0x0007040600070406;
	vm.vcpu[0] = &vcpu;
	vm.nr_vcpus = 1;
	vcpu.lapic = vlapic_create(&vcpu, &bus);
	fake_set_current(&vcpu);
	guest_cpuid_init();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	memset(host, 0, sizeof(host));
	setup(&in);
	check();
	while (in.left) {
		unsigned what = (unsigned)take(&in, 1) & 7;

		if (what < 2)
			read_msr(&in);
		else if (what < 4)
			write_msr(&in);
		else if (what < 6)
			write_control(&in);
		else if (what < 7)
			check_cpuid(&in);
		else
			fake_advance(take(&in, 3));
		check();
	}
	vlapic_destroy(vcpu.lapic);
	return 0;
}
