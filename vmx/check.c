/* SPDX-License-Identifier: MIT */
/* Goes through the tables of checks. Pure: no lock. */
#include "vmx/check.h"

static const struct vmx_check *const tables[] = { vmx_register_checks, vmx_segment_checks };

const struct vmx_check *vmx_check_next(const struct vmx_check *from,
				       const struct vmx_guest_state *g, const struct vmx_caps *c)
{
	bool passed = !from;

	for (unsigned i = 0; i < ARRAY_SIZE(tables); i++)
		for (const struct vmx_check *x = tables[i]; x->what; x++) {
			if (passed && !x->holds(g, c))
				return x;
			passed = passed || x == from;
		}
	return NULL;
}

const struct vmx_check *vmx_check_segments(const struct vmx_guest_state *g,
					   const struct vmx_caps *c)
{
	const struct vmx_check *x = vmx_segment_checks;

	while (x->what && x->holds(g, c))
		x++;
	return x->what ? x : NULL;
}
