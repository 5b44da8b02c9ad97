/* SPDX-License-Identifier: MIT */
/* What becomes of exceptions and interrupts. One processor, no locks. */
#include "traps.h"

#include "segments.h"

volatile struct trap_seen seen;
volatile uint32_t trap_resume;
volatile uint32_t irq_count[TRAP_VECTORS];
void (*irq_hook)(uint32_t vector);
void (*nmi_hook)(void);

extern void (*const trap_stubs[TRAP_VECTORS])(void);

void trap(struct trap_frame *f);

void trap(struct trap_frame *f)
{
	if (f->vector == VECTOR_NMI && nmi_hook) {
		nmi_hook();
		return;
	}
	seen.vector = f->vector;
	seen.error = f->error;
	seen.eip = f->eip;
	seen.eflags = f->eflags;
	if (f->vector >= FIRST_IRQ) {
		irq_count[f->vector]++;
		if (irq_hook)
			irq_hook(f->vector);
		return;
	}
	if (!trap_resume) {
		say("FAIL unexpected exception %u error %x at %x cr2 %x\n", f->vector, f->error,
		    f->eip, read_cr2());
		finish(EXIT_FAIL);
	}
	f->eip = trap_resume;
	f->eflags &= ~0x100u; /* TF: one step is enough */
	trap_resume = 0;
}

void traps_init(void)
{
	segments_load(false);
	for (unsigned v = 0; v < TRAP_VECTORS; v++)
		idt_set32(v, trap_stubs[v], 0);
	idt_load32();
}
