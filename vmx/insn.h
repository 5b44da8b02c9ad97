/* SPDX-License-Identifier: MIT */
/*
 * The VMX instructions (Intel SDM Vol. 3C ch. 30), one inline function each. They report
 * failure in CF (no current VMCS) and ZF (its number in VMCS_INSN_ERROR).
 */
#ifndef VMX_INSN_H
#define VMX_INSN_H

#include "hv/x86.h"
#include "vmx/vmcs.h"

/* What INVVPID forgets (30.3, INVVPID). */
enum invvpid_type { INVVPID_ADDRESS = 0, INVVPID_CONTEXT = 1, INVVPID_ALL = 2 };

/* A field that this processor lacks was accessed: a mistake of ours (vmx/fail.c). */
_Noreturn void vmx_access_failed(enum vmcs_field field);

#define VMX_REGION_INSN(name)                                                                 \
	must_check static inline bool name(uint64_t hpa)                                      \
	{                                                                                     \
		bool failed;                                                                  \
                                                                                              \
		__asm__ volatile(#name " %1" : "=@ccna"(failed) : "m"(hpa) : "memory", "cc"); \
		return failed;                                                                \
	}

/* Each takes the address of a region, and is true when it failed. */
VMX_REGION_INSN(vmxon)
VMX_REGION_INSN(vmclear)
VMX_REGION_INSN(vmptrld)

static inline void vmxoff(void)
{
	__asm__ volatile("vmxoff" : : : "memory", "cc");
}

/* Of the current VMCS. */
static inline uint64_t vmcs_read(enum vmcs_field field)
{
	uint64_t val;
	bool failed;

	__asm__ volatile("vmread %2, %0" : "=r"(val), "=@ccna"(failed) : "r"((uint64_t)field));
	if (unlikely(failed))
		vmx_access_failed(field);
	return val;
}

static inline void vmcs_write(enum vmcs_field field, uint64_t val)
{
	bool failed;

	__asm__ volatile("vmwrite %1, %2"
			 : "=@ccna"(failed)
			 : "r"(val), "r"((uint64_t)field)
			 : "memory");
	if (unlikely(failed))
		vmx_access_failed(field);
}

must_check static inline bool invvpid(enum invvpid_type type, uint16_t vpid, uint64_t va)
{
	const struct {
		uint64_t vpid, va;
	} descriptor = { vpid, va };
	bool failed;

	__asm__ volatile("invvpid %1, %2"
			 : "=@ccna"(failed)
			 : "m"(descriptor), "r"((uint64_t)type)
			 : "memory");
	return failed;
}

/* Run xihv's own handler of an NMI that came as an exit; NMIs are blocked from there to its
 * IRET (27.5.5). */
static inline void vmx_host_nmi(void)
{
	__asm__ volatile("int %0" : : "i"(VEC_NMI) : "memory");
}

#endif
