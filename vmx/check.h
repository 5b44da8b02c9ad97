/* SPDX-License-Identifier: MIT */
/*
 * The checks that a VM entry makes on the guest's state (Intel SDM Vol. 3C 26.3.1): when one
 * fails, the processor only says that. Pure: works on a copy of the VMCS's fields.
 */
#ifndef VMX_CHECK_H
#define VMX_CHECK_H

#include "hv/emul.h"
#include "vmx/caps.h"

/* All segments of virtual-8086 mode (26.3.1.2) */
#define VM86_LIMIT 0xffffu
#define VM86_RIGHTS 0xf3u

struct vmx_guest_state {
	uint64_t cr0, cr3, cr4, dr7, debugctl, sysenter_esp, sysenter_eip;
	struct segment seg[NR_SEGS];
	uint64_t gdtr_base, idtr_base;
	uint32_t gdtr_limit, idtr_limit;
	uint64_t rip, rflags, pending_debug, link_pointer;
	uint32_t activity, interruptibility;
	uint64_t pdpte[4]; /* that CR3 points to, where that matters */

	/* controls that the checks ask */
	uint32_t pin_controls, entry_controls, intr_info;
	unsigned maxphyaddr; /* bits */
};

struct vmx_check {
	const char *section; /* of the SDM */
	const char *what; /* must hold */
	bool (*holds)(const struct vmx_guest_state *g, const struct vmx_caps *c);
};

/* The next check after `from` (NULL: the first) that fails; NULL: no more. */
const struct vmx_check *vmx_check_next(const struct vmx_check *from,
				       const struct vmx_guest_state *g, const struct vmx_caps *c);

/* The first of those about segment registers that fails, for which of `g` only segments, RFLAGS
 * and entry controls count. */
const struct vmx_check *vmx_check_segments(const struct vmx_guest_state *g,
					   const struct vmx_caps *c);

/* The two tables; each ends with a row of NULLs. */
extern const struct vmx_check vmx_register_checks[], vmx_segment_checks[];

#endif
