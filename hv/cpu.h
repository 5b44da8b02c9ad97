/* SPDX-License-Identifier: MIT */
/*
 * Instructions that C has no words for: CPUID, MSRs, control and debug registers, port
 * I/O, the TSC, the interrupt flag. One inline function an instruction.
 */
#ifndef HV_CPU_H
#define HV_CPU_H

#include "hv/compiler.h"
#include "hv/msr.h"
#include "hv/x86.h"

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_regs cpuid_count(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_regs r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

static inline struct cpuid_regs cpuid(uint32_t leaf)
{
	return cpuid_count(leaf, 0);
}

/*
 * A feature bit by name: leaf, subleaf, register and bit in one number, so that one
 * function answers for all (false when the leaf is beyond the CPU's last one).
 */
enum cpuid_reg { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };

#define CPU_FEATURE(leaf, reg, bit) (((uint64_t)(leaf) << 8) | ((uint64_t)(reg) << 5) | (bit))

#define FEAT_VMX CPU_FEATURE(0x1, CPUID_ECX, 5)
#define FEAT_X2APIC CPU_FEATURE(0x1, CPUID_ECX, 21)
#define FEAT_TSC_DEADLINE CPU_FEATURE(0x1, CPUID_ECX, 24)
#define FEAT_XSAVE CPU_FEATURE(0x1, CPUID_ECX, 26)
#define FEAT_HYPERVISOR CPU_FEATURE(0x1, CPUID_ECX, 31)
#define FEAT_MCE CPU_FEATURE(0x1, CPUID_EDX, 7)
#define FEAT_PGE CPU_FEATURE(0x1, CPUID_EDX, 13)
#define FEAT_SMEP CPU_FEATURE(0x7, CPUID_EBX, 7)
#define FEAT_SMAP CPU_FEATURE(0x7, CPUID_EBX, 20)
#define FEAT_LA57 CPU_FEATURE(0x7, CPUID_ECX, 16)
#define FEAT_SVM CPU_FEATURE(0x80000001, CPUID_ECX, 2)
#define FEAT_PAGE1G CPU_FEATURE(0x80000001, CPUID_EDX, 26)
#define FEAT_RDTSCP CPU_FEATURE(0x80000001, CPUID_EDX, 27)
#define FEAT_NRIPS CPU_FEATURE(0x8000000a, CPUID_EDX, 3)
#define FEAT_VMCB_CLEAN CPU_FEATURE(0x8000000a, CPUID_EDX, 5)
#define FEAT_FLUSH_BY_ASID CPU_FEATURE(0x8000000a, CPUID_EDX, 6)
#define FEAT_DECODE_ASSISTS CPU_FEATURE(0x8000000a, CPUID_EDX, 7)

static inline bool cpu_has(uint64_t feature)
{
	uint32_t leaf = feature >> 8;
	struct cpuid_regs r;
	uint32_t reg[4];

	if (cpuid(leaf & UINT32_C(0xffff0000)).eax < leaf)
		return false;
	r = cpuid(leaf);
	reg[CPUID_EAX] = r.eax;
	reg[CPUID_EBX] = r.ebx;
	reg[CPUID_ECX] = r.ecx;
	reg[CPUID_EDX] = r.edx;
	return reg[(feature >> 5) & 3] >> (feature & 31) & 1;
}

/* Physical-address width in bits (SDM Vol. 3A 4.1.4). */
static inline unsigned cpu_maxphyaddr(void)
{
	if (cpuid(0x80000000).eax < 0x80000008)
		return 36;
	return cpuid(0x80000008).eax & 0xff;
}

/* Linear-address width in bits, as wide as this processor can have it. */
static inline unsigned cpu_linear_bits(void)
{
	return cpu_has(FEAT_LA57) ? LINEAR_BITS_5LEVEL : LINEAR_BITS_4LEVEL;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t val)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)val), "d"((uint32_t)(val >> 32))
			 : "memory");
}

/* For registers that this CPU may lack: 0, or -EIO when it gave #GP (hv/traps_entry.asm). */
must_check int rdmsr_safe(uint32_t msr, uint64_t *val);
must_check int wrmsr_safe(uint32_t msr, uint64_t val);

#define CPU_REG_ACCESS(name)                                                    \
	static inline uint64_t read_##name(void)                                \
	{                                                                       \
		uint64_t v;                                                     \
                                                                                \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(v) : : "memory"); \
		return v;                                                       \
	}                                                                       \
	static inline void write_##name(uint64_t v)                             \
	{                                                                       \
		__asm__ volatile("mov %0, %%" #name : : "r"(v) : "memory");     \
	}

CPU_REG_ACCESS(cr0)
CPU_REG_ACCESS(cr2)
CPU_REG_ACCESS(cr3)
CPU_REG_ACCESS(cr4)
CPU_REG_ACCESS(dr0)
CPU_REG_ACCESS(dr1)
CPU_REG_ACCESS(dr2)
CPU_REG_ACCESS(dr3)
CPU_REG_ACCESS(dr6)
CPU_REG_ACCESS(dr7)

static inline void invlpg(uint64_t va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline uint64_t xgetbv(uint32_t index)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(index));
	return (uint64_t)hi << 32 | lo;
}

static inline void xsetbv(uint32_t index, uint64_t val)
{
	__asm__ volatile("xsetbv" : : "c"(index), "a"((uint32_t)val), "d"((uint32_t)(val >> 32)));
}

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

static inline void irq_disable(void)
{
	__asm__ volatile("cli" : : : "memory");
}

/* Wait for an interrupt with nothing slipping in between: STI takes effect after HLT's
 * start (SDM Vol. 2B, STI). Interrupts are off again afterwards. */
static inline void cpu_idle(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* Let pending interrupts in, then off again. */
static inline void irq_window(void)
{
	__asm__ volatile("sti; nop; cli" : : : "memory");
}

static inline void cpu_relax(void)
{
	__asm__ volatile("pause");
}

/* Stop this CPU for good. */
_Noreturn static inline void cpu_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline void outw(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}

static inline void outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

#endif
