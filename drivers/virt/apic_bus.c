/* SPDX-License-Identifier: MIT */
/* Routing of interrupt messages (Intel SDM Vol. 3A 10.6.2). Guarded by the VM's lock. */
#include "drivers/virt/apic_bus.h"

#include "drivers/virt/vlapic_priv.h"

/* Lowest-priority arbitration (10.6.2.4): who runs at the lowest priority; on a tie,
 * whoever is first behind the one that got the latest. */
static struct vlapic *arbitrate(struct apic_bus *b, const struct apic_msg *m)
{
	struct vlapic *best = NULL;
	unsigned i, n, best_n = 0;

	for (i = 1; i <= b->nr; i++) {
		n = (b->turn + i) % b->nr;
		if (!vlapic_enabled(b->lapic[n]) || !vlapic_matches(b->lapic[n], m))
			continue;
		if (!best || vlapic_ppr(b->lapic[n]) < vlapic_ppr(best)) {
			best = b->lapic[n];
			best_n = n;
		}
	}
	if (best)
		b->turn = best_n;
	return best;
}

unsigned apic_bus_send(struct apic_bus *b, const struct apic_msg *m)
{
	struct vlapic *l;
	unsigned i, accepted = 0;

	if (m->mode == APIC_LOWEST) {
		l = arbitrate(b, m);
		return l && vlapic_deliver(l, m->mode, m->vector, m->level);
	}
	for (i = 0; i < b->nr; i++)
		if (vlapic_matches(b->lapic[i], m))
			accepted += vlapic_deliver(b->lapic[i], m->mode, m->vector, m->level);
	return accepted;
}
