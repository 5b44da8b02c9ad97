/* SPDX-License-Identifier: MIT */
/* panic() and the backtrace by name. `stopping` is only ever set. */
#include "hv/panic.h"

#include "hv/cpu.h"
#include "hv/print.h"
#include "hv/smp.h"
#include "hv/symbols.h"
#include "hv/traps.h"

#define BACKTRACE_MAX 32

static bool stopping;

/* One CPU dies aloud, the others where they are. */
void panic_begin(void)
{
	irq_disable();
	if (__atomic_exchange_n(&stopping, true, __ATOMIC_SEQ_CST))
		cpu_halt();
	smp_halt_others();
	print_to_uart_only();
}

void panic_on_nmi(void)
{
	if (__atomic_load_n(&stopping, __ATOMIC_RELAXED))
		cpu_halt();
}

void panic_end(void)
{
	printk("xihv: halted\n");
	cpu_halt();
}

static void print_place(uint64_t rip)
{
	uint64_t offset;
	const char *name = symbol_name(rip, &offset);

	if (name)
		printk("  %016lx %s+%#lx\n", rip, name, offset);
	else
		printk("  %016lx\n", rip);
}

void backtrace(uint64_t rip, uint64_t rbp)
{
	unsigned n;

	printk("backtrace:\n");
	print_place(rip);
	for (n = 0; n < BACKTRACE_MAX && rbp; n++) {
		uint64_t next;

		/* Frames lie above each other, except where a trap changed the stack. */
		if ((rbp & 7) || !probe_read(rbp, &next) || !probe_read(rbp + 8, &rip) || !rip)
			return;
		/* A call that does not return may be the last instruction of its function. */
		print_place(rip - 1);
		rbp = next;
	}
}

void panic(const char *fmt, ...)
{
	va_list ap;

	panic_begin();
	printk("\nxihv: panic: ");
	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
	printk("\n");
	backtrace((uint64_t)__builtin_return_address(0) - 1,
		  *(const uint64_t *)__builtin_frame_address(0));
	panic_end();
}
