/* SPDX-License-Identifier: MIT */
/*
 * CPUID as guests see it (Intel SDM Vol. 2A CPUID, AMD APM Vol. 3 appendix E). A feature
 * is offered when its bit is in the table below and the processor has it; features that
 * xihv makes itself are added whatever the processor has. All data is constant after
 * guest_cpuid_init.
 */
#include "hv/cpuid.h"

#include "hv/fpu.h"
#include "hv/pv.h"
#include "hv/string.h"
#include "hv/timer.h"
#include "hv/vendor.h"
#include "hv/vm.h"

/* Leaf 1 ECX. Not offered: MONITOR (3; no MWAIT passthrough), VMX (5), SMX, EIST, TM2
 * (power management is the host's), PDCM (15; no PMU), PCID (17; not built yet). */
#define LEAF1_ECX                                                                                 \
	(BIT(0) /* SSE3 */ | BIT(1) /* PCLMULQDQ */ | BIT(9) /* SSSE3 */ | BIT(12) /* FMA */ |    \
	 BIT(13) /* CX16 */ | BIT(19) /* SSE4.1 */ | BIT(20) /* SSE4.2 */ | BIT(22) /* MOVBE */ | \
	 BIT(23) /* POPCNT */ | BIT(25) /* AES */ | BIT(26) /* XSAVE */ | BIT(28) /* AVX */ |     \
	 BIT(29) /* F16C */ | BIT(30) /* RDRAND */)
/* Made here: x2APIC, TSC deadline, and the hypervisor bit. */
#define LEAF1_ECX_ADD (BIT(21) | BIT(24) | BIT(31))
#define LEAF1_ECX_OSXSAVE BIT(27)

/* Leaf 1 EDX. Not offered: PSN, DS, ACPI (thermal), TM, PBE. HTT (28) says that there is more
 * than one vCPU. */
#define LEAF1_EDX_HTT BIT(28)
#define LEAF1_EDX                                                                           \
	(BIT(0) /* FPU */ | BIT(1) /* VME */ | BIT(2) /* DE */ | BIT(3) /* PSE */ |         \
	 BIT(4) /* TSC */ | BIT(5) /* MSR */ | BIT(6) /* PAE */ | BIT(7) /* MCE */ |        \
	 BIT(8) /* CX8 */ | BIT(11) /* SEP */ | BIT(12) /* MTRR */ | BIT(13) /* PGE */ |    \
	 BIT(14) /* MCA */ | BIT(15) /* CMOV */ | BIT(16) /* PAT */ | BIT(17) /* PSE36 */ | \
	 BIT(19) /* CLFSH */ | BIT(23) /* MMX */ | BIT(24) /* FXSR */ | BIT(25) /* SSE */ | \
	 BIT(26) /* SSE2 */)
#define LEAF1_EDX_ADD BIT(9) /* APIC */

/* Leaf 7 EBX. Not offered: TSC_ADJUST (1), INVPCID (10), RTM and HLE, MPX, PQM/PQE, AVX-512
 * (XCR0 is x87, SSE, AVX), PT. */
#define LEAF7_EBX                                                                            \
	(BIT(0) /* FSGSBASE */ | BIT(3) /* BMI1 */ | BIT(5) /* AVX2 */ | BIT(7) /* SMEP */ | \
	 BIT(8) /* BMI2 */ | BIT(9) /* ERMS */ | BIT(18) /* RDSEED */ | BIT(19) /* ADX */ |  \
	 BIT(20) /* SMAP */ | BIT(23) /* CLFLUSHOPT */ | BIT(24) /* CLWB */ | BIT(29) /* SHA */)
/* Leaf 7 ECX: UMIP, LA57. Not offered: PKU (3), CET (7), RDPID (TSC_AUX is there, but its exits
 * are not uniform). */
#define LEAF7_ECX (BIT(2) | LEAF7_ECX_LA57)
#define LEAF7_ECX_LA57 BIT(16)
/* Leaf 7 EDX: FSRM, ARCH_CAPABILITIES (what the processor is not prone to: hv/guest_msr.c). Not
 * offered: SPEC_CTRL, STIBP, SSBD (their MSRs are not switched). */
#define LEAF7_EDX (BIT(4) | LEAF7_EDX_ARCH_CAPABILITIES)
#define LEAF7_EDX_ARCH_CAPABILITIES BIT(29)

/* Leaf 0xd subleaf 1 EAX: XSAVEOPT, XGETBV(1). Not offered: XSAVEC, XSAVES (IA32_XSS). */
#define LEAF_D1_EAX (BIT(0) | BIT(2))

/* Leaf 0x80000001 ECX. CMP_LEGACY (1) goes with HTT. Not offered: SVM (2), EXTAPIC, OSVW, IBS, SKINIT, WDT,
 * LWP, NODEID, TOPOEXT, performance counters, MWAITX. */
#define EXT1_ECX                                                                   \
	(BIT(0) /* LAHF */ | BIT(4) /* CR8 by LOCK MOV CR0 */ | BIT(5) /* ABM */ | \
	 BIT(6) /* SSE4A */ | BIT(7) /* MISALIGNSSE */ | BIT(8) /* PREFETCHW */ |  \
	 BIT(11) /* XOP */ | BIT(16) /* FMA4 */ | BIT(21) /* TBM */)
#define EXT1_ECX_CMP_LEGACY BIT(1)
/* 0x80000001 EDX: what leaf 1 has below bit 25, and AMD's own. Not offered: FFXSR (25). */
#define EXT1_EDX                                                                                 \
	((LEAF1_EDX & 0x0183f3ff) | EXT1_EDX_SYSCALL | BIT(20) /* NX */ | BIT(22) /* MMXEXT */ | \
	 BIT(26) /* 1 GiB pages */ | BIT(27) /* RDTSCP */ | BIT(29) /* LM */ |                   \
	 BIT(30) /* 3DNOWEXT */ | BIT(31) /* 3DNOW */)
#define EXT1_EDX_SYSCALL BIT(11)
#define EXT7_EDX BIT(8) /* invariant TSC */
#define EXT8_EBX (BIT(0) /* CLZERO */ | BIT(2) /* XSAVEERPTR */)

#define LEAF_KVM 0x40000000u
#define LEAF_KVM_FEATURES 0x40000001u
#define KVM_SIGNATURE "KVMKVMKVM\0\0\0"

/* Our own: a guest may read its exit counters, the sum of its vCPUs', so that a benchmark in it is
 * exact. */
#define LEAF_XIHV 0x40000100u
#define LEAF_XIHV_EXITS 0x40000101u /* ECX: enum exit_reason; EDX:EAX its count. ~0: EAX how many */
#define XIHV_SIGNATURE 0x76686978u /* "xihv", in EBX, ECX and EDX */

#define LEAF_EXT 0x80000000u
#define LAST_BASIC 0xdu
#define LAST_EXT 0x80000008u

struct policy {
	uint32_t leaf, subleaf;
	struct cpuid_regs keep, add;
};

/* Leaves whose bits are features. Leaves not named here are answered by guest_cpuid() or pass
 * as they are if in pass_through[], else zero. */
static const struct policy policy[] = {
	{ 0x1,
	  0,
	  { ~0u, 0x0000ff00, LEAF1_ECX, LEAF1_EDX },
	  { 0, 0, LEAF1_ECX_ADD, LEAF1_EDX_ADD } },
	{ 0x6, 0, { 0, 0, 0, 0 }, { BIT(2) /* the APIC timer never stops */, 0, 0, 0 } },
	{ 0x7, 0, { 0, LEAF7_EBX, LEAF7_ECX, LEAF7_EDX }, { 0, 0, 0, 0 } },
	{ 0xd, 1, { LEAF_D1_EAX, 0, 0, 0 }, { 0, 0, 0, 0 } },
	{ 0x80000001, 0, { ~0u, ~0u, EXT1_ECX, EXT1_EDX }, { 0, 0, 0, 0 } },
	{ 0x80000007, 0, { 0, 0, 0, EXT7_EDX }, { 0, 0, 0, 0 } },
};

/* Descriptions of caches, TLBs and names. */
static const uint32_t pass_through[] = {
	0x2, 0x80000002, 0x80000003, 0x80000004, 0x80000005, 0x80000006,
};

struct guest_features guest_features;

/*
 * The host's answers, asked once: CPUID in a nested hypervisor is an exit. Already cut to
 * what is offered; per-vCPU fields are filled in when a guest asks.
 */
#define NR_BASIC (LAST_BASIC + 1)
#define NR_EXT (LAST_EXT - LEAF_EXT + 1)
#define NR_CACHES 8
#define NR_XSAVE 3

static struct cpuid_regs basic[NR_BASIC], ext[NR_EXT];
static struct cpuid_regs caches[NR_CACHES]; /* leaf 4 by subleaf */
static struct cpuid_regs xsave[NR_XSAVE]; /* leaf 0xd by subleaf */

static struct cpuid_regs host_leaf(uint32_t leaf, uint32_t subleaf)
{
	if (leaf > cpuid(leaf & 0xffff0000).eax)
		return (struct cpuid_regs){ 0 };
	return cpuid_count(leaf, subleaf);
}

static struct cpuid_regs apply(const struct policy *p)
{
	struct cpuid_regs r = host_leaf(p->leaf, p->subleaf);

	r.eax = (r.eax & p->keep.eax) | p->add.eax;
	r.ebx = (r.ebx & p->keep.ebx) | p->add.ebx;
	r.ecx = (r.ecx & p->keep.ecx) | p->add.ecx;
	r.edx = (r.edx & p->keep.edx) | p->add.edx;
	return r;
}

static struct cpuid_regs offered(uint32_t leaf, uint32_t subleaf)
{
	for (unsigned i = 0; i < ARRAY_SIZE(policy); i++)
		if (policy[i].leaf == leaf && policy[i].subleaf == subleaf)
			return apply(&policy[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(pass_through); i++)
		if (pass_through[i] == leaf)
			return host_leaf(leaf, subleaf);
	return (struct cpuid_regs){ 0 };
}

/* Bytes of an XSAVE area for the components in `xcr0` (SDM Vol. 1 13.4.3). */
static uint32_t xsave_bytes(uint64_t xcr0)
{
	return xcr0 & XCR0_AVX ? xsave[2].ebx + xsave[2].eax : 512 + 64;
}

/* Deterministic cache parameters: as on the processor, but no sharing. */
static void ask_caches(void)
{
	for (unsigned i = 0; i < NR_CACHES; i++) {
		caches[i] = host_leaf(4, i);
		caches[i].eax &= 0x3fff;
	}
}

static void ask_xsave(void)
{
	uint64_t mask = fpu_xcr0_mask();

	if (!mask)
		return;
	if (mask & XCR0_AVX)
		xsave[2] = cpuid_count(0xd, 2);
	xsave[1] = offered(0xd, 1);
	xsave[0] = (struct cpuid_regs){ .eax = mask, .ecx = xsave_bytes(mask) };
}

static bool has_la57(void)
{
	return basic[7].ecx & LEAF7_ECX_LA57;
}

static void ask_addresses(void)
{
	struct cpuid_regs *r = &ext[0x80000008 - LEAF_EXT];

	*r = host_leaf(0x80000008, 0);
	r->eax = guest_features.maxphyaddr | (has_la57() ? LINEAR_BITS_5LEVEL : LINEAR_BITS_4LEVEL)
						     << 8;
	r->ebx &= EXT8_EBX;
	r->ecx = 0;
	r->edx = 0;
}

static void ask_host(void)
{
	for (uint32_t i = 0; i < NR_BASIC; i++)
		basic[i] = offered(i, 0);
	for (uint32_t i = 0; i < NR_EXT; i++)
		ext[i] = offered(LEAF_EXT + i, 0);
	basic[0] = cpuid(0);
	basic[0].eax = LAST_BASIC;
	ext[0] = cpuid(LEAF_EXT);
	ext[0].eax = MIN(ext[0].eax, LAST_EXT);
	/* Its tables would be walked wrongly with a bit that the real CR4 never has. */
	if (!(vendor->possible_cr4() & CR4_LA57))
		basic[7].ecx &= ~LEAF7_ECX_LA57;
	ask_caches();
	ask_xsave();
	ask_addresses();
}

static uint64_t cr4_bits(void)
{
	struct cpuid_regs l1 = basic[1], l7 = basic[7];
	uint64_t bits = CR4_TSD | CR4_PCE;

	bits |= l1.edx & BIT(1) ? CR4_VME | CR4_PVI : 0;
	bits |= l1.edx & BIT(2) ? CR4_DE : 0;
	bits |= l1.edx & BIT(3) ? CR4_PSE : 0;
	bits |= l1.edx & BIT(6) ? CR4_PAE : 0;
	bits |= l1.edx & BIT(7) ? CR4_MCE : 0;
	bits |= l1.edx & BIT(13) ? CR4_PGE : 0;
	bits |= l1.edx & BIT(24) ? CR4_OSFXSR : 0;
	bits |= l1.edx & BIT(25) ? CR4_OSXMMEXCPT : 0;
	bits |= l1.ecx & BIT(26) ? CR4_OSXSAVE : 0;
	bits |= l7.ebx & BIT(0) ? CR4_FSGSBASE : 0;
	bits |= l7.ebx & BIT(7) ? CR4_SMEP : 0;
	bits |= l7.ebx & BIT(20) ? CR4_SMAP : 0;
	bits |= l7.ecx & BIT(2) ? CR4_UMIP : 0;
	bits |= has_la57() ? CR4_LA57 : 0;
	return bits;
}

/* What the processor says of itself that stays true for a guest. A guest that is not told that
 * it is immune (RDCL_NO) takes care of itself. */
static uint64_t arch_capabilities(void)
{
	if (!(basic[7].edx & LEAF7_EDX_ARCH_CAPABILITIES))
		return 0;
	return rdmsr(MSR_ARCH_CAPABILITIES) & ARCH_CAPABILITIES_OFFERED;
}

/* By the end of the vendor's name. */
static bool is_amd_or_hygon(void)
{
	return basic[0].ecx == 0x444d4163 /* "cAMD" */ || basic[0].ecx == 0x656e6975 /* "uine" */;
}

void guest_cpuid_init(void)
{
	struct cpuid_regs ext1;

	guest_features.maxphyaddr = cpu_maxphyaddr();
	guest_features.linear_bits = cpu_linear_bits();
	guest_features.xcr0 = fpu_xcr0_mask();
	ask_host();
	ext1 = ext[1];
	guest_features.rdtscp = ext1.edx & BIT(27);
	guest_features.page1g = ext1.edx & BIT(26);
	guest_features.msrs_k7 = is_amd_or_hygon();
	guest_features.syscall_32 = is_amd_or_hygon();
	guest_features.arch_capabilities = arch_capabilities();
	guest_features.has_arch_capabilities = basic[7].edx & LEAF7_EDX_ARCH_CAPABILITIES;
	guest_features.cr4 = cr4_bits();
	guest_features.efer = EFER_SCE;
	guest_features.efer |= ext1.edx & BIT(29) ? EFER_LME | EFER_LMA : 0;
	guest_features.efer |= ext1.edx & BIT(20) ? EFER_NXE : 0;
}

/* Topology: one thread a core, all cores in one package. Bits of an APIC ID that tell the
 * cores apart, and how many IDs that makes. */
static unsigned core_bits(const struct vcpu *v)
{
	return v->vm->nr_vcpus > 1 ? 32 - __builtin_clz(v->vm->nr_vcpus - 1) : 0;
}

static uint32_t apic_ids(const struct vcpu *v)
{
	return 1u << core_bits(v);
}

static struct cpuid_regs leaf_1(const struct vcpu *v)
{
	struct cpuid_regs r = basic[1];

	r.ebx |= v->id << 24 | apic_ids(v) << 16;
	if (v->vm->nr_vcpus > 1)
		r.edx |= LEAF1_EDX_HTT;
	if (v->cr4 & CR4_OSXSAVE)
		r.ecx |= LEAF1_ECX_OSXSAVE;
	return r;
}

static struct cpuid_regs leaf_xsave(uint32_t subleaf)
{
	struct cpuid_regs r = { 0 };

	if (subleaf < NR_XSAVE)
		r = xsave[subleaf];
	if (subleaf == 0 && r.eax)
		r.ebx = xsave_bytes(fpu_guest_xcr0());
	return r;
}

static struct cpuid_regs leaf_caches(const struct vcpu *v, uint32_t subleaf)
{
	struct cpuid_regs r = { 0 };

	if (subleaf < NR_CACHES)
		r = caches[subleaf];
	if (r.eax)
		r.eax |= (apic_ids(v) - 1) << 26;
	return r;
}

/* The extended leaves have words for several cores as well (APM Vol. 3, Fn8000_0001 and Fn8000_0008
 * ECX), where the leaves that go with them are AMD's. */
static bool ext_leaves_say_cores(const struct vcpu *v)
{
	return guest_features.msrs_k7 && v->vm->nr_vcpus > 1;
}

/* A processor may have SYSCALL in 64-bit mode only, and says so. */
static struct cpuid_regs leaf_ext1(struct vcpu *v)
{
	struct cpuid_regs r = ext[1];

	if (!guest_features.syscall_32 && vendor->get_mode(v) != 8)
		r.edx &= ~(uint32_t)EXT1_EDX_SYSCALL;
	if (ext_leaves_say_cores(v))
		r.ecx |= EXT1_ECX_CMP_LEGACY;
	return r;
}

static struct cpuid_regs leaf_ext8(const struct vcpu *v)
{
	struct cpuid_regs r = ext[8];

	if (ext_leaves_say_cores(v))
		r.ecx = core_bits(v) << 12 | (v->vm->nr_vcpus - 1);
	return r;
}

static struct cpuid_regs leaf_topology(const struct vcpu *v, uint32_t subleaf)
{
	struct cpuid_regs r = { .ecx = subleaf, .edx = v->id };

	if (subleaf == 0) {
		r.ebx = 1;
		r.ecx |= 1u << 8;
	} else if (subleaf == 1) {
		r.eax = core_bits(v);
		r.ebx = v->vm->nr_vcpus;
		r.ecx |= 2u << 8;
	}
	return r;
}

static struct cpuid_regs leaf_kvm(void)
{
	struct cpuid_regs r = { .eax = LEAF_KVM_FEATURES };

	memcpy(&r.ebx, KVM_SIGNATURE, 4);
	memcpy(&r.ecx, KVM_SIGNATURE + 4, 4);
	memcpy(&r.edx, KVM_SIGNATURE + 8, 4);
	return r;
}

/* So that a benchmark in a guest is exact (tests/bench), whichever vCPUs it runs on. */
static struct cpuid_regs leaf_exits(const struct vm *vm, uint32_t reason)
{
	uint64_t n = 0;

	if (reason == ~0u)
		return (struct cpuid_regs){ .eax = NR_EXIT_REASONS };
	if (reason >= NR_EXIT_REASONS)
		return (struct cpuid_regs){ 0 };
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		n += __atomic_load_n(&vm->vcpu[i]->exits.count[reason], __ATOMIC_RELAXED);
	return (struct cpuid_regs){ .eax = (uint32_t)n, .edx = (uint32_t)(n >> 32) };
}

struct cpuid_regs guest_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf)
{
	const struct cpuid_regs none = { 0 };

	switch (leaf) {
	case 1:
		return leaf_1(v);
	case 4:
		return leaf_caches(v, subleaf);
	case 7: /* its last subleaf is 0 */
		return subleaf ? none : basic[7];
	case 0xb:
		return leaf_topology(v, subleaf);
	case 0xd:
		return leaf_xsave(subleaf);
	case LEAF_KVM:
		return leaf_kvm();
	case LEAF_KVM_FEATURES:
		return (struct cpuid_regs){ .eax = pv_cpuid(v->vm) };
	case LEAF_XIHV:
		return (struct cpuid_regs){ LEAF_XIHV_EXITS, XIHV_SIGNATURE, XIHV_SIGNATURE,
					    XIHV_SIGNATURE };
	case LEAF_XIHV_EXITS:
		return leaf_exits(v->vm, subleaf);
	case LEAF_EXT + 1:
		return leaf_ext1(v);
	case LEAF_EXT + 8:
		return leaf_ext8(v);
	}
	/* the others have no subleaves: ECX means nothing */
	if (leaf < NR_BASIC)
		return basic[leaf];
	if (leaf - LEAF_EXT < NR_EXT)
		return ext[leaf - LEAF_EXT];
	return none;
}
