/* SPDX-License-Identifier: MIT */
/*
 * Exceptions of the hypervisor itself (hv/traps.h). Tables are written while their CPU comes up
 * only; the IDT is one for all.
 */
#include "hv/traps.h"

#include "hv/cpu.h"
#include "hv/irq.h"
#include "hv/nmi.h"
#include "hv/page.h"
#include "hv/panic.h"
#include "hv/paging.h"
#include "hv/percpu.h"
#include "hv/print.h"
#include "hv/string.h"
#include "hv/symbols.h"

/* Segment descriptors (SDM Vol. 3A 3.4.5): accessed, so that loading them writes nothing. */
#define GDT_CODE64 UINT64_C(0x00af9b000000ffff)
#define GDT_DATA UINT64_C(0x00cf93000000ffff)
#define DESC_TSS_AVAILABLE UINT64_C(0x9)
#define DESC_P BIT(47)

#define GATE_INTERRUPT 0x8e /* P, DPL 0, 64-bit interrupt gate (SDM Vol. 3A 6.14.1) */
#define STUB_BYTES 16

enum ist { IST_NMI = 1, IST_DF = 2, IST_MC = 3 };

struct tss { /* SDM Vol. 3A 7.7 */
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t ist[8]; /* [0] is reserved */
	uint64_t reserved2;
	uint16_t reserved3, iomap_base;
} __attribute__((packed));

_Static_assert(offsetof(struct tss, ist[1]) == 0x24, "tss");
_Static_assert(offsetof(struct tss, iomap_base) == 0x66, "tss");

struct gate { /* SDM Vol. 3A 6.14.1 */
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_mid;
	uint32_t offset_high, reserved;
};

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct fixup {
	uint64_t may_fault, go_on;
};

/* Instructions of the world switch with RFLAGS.IF = 1 but GIF = 0 (APM Vol. 2 15.17): an interrupt
 * among them is none of the architecture's. */
struct no_irq {
	uint64_t from, to; /* `to` is behind the last */
	uint64_t go_on; /* 0: where it was */
};

extern const char trap_stubs[];
extern const struct fixup extable_start[], extable_end[]; /* linker.ld */
extern const struct no_irq no_irq_start[], no_irq_end[];

/* By host CPU */
static uint64_t gdts[CPUS_MAX][5];
static struct tss tsss[CPUS_MAX];

static struct gate idt[NR_VECTORS];

static const char *const exception_name[NR_EXCEPTIONS] = {
	[VEC_DE] = "divide error",
	[VEC_DB] = "debug",
	[VEC_NMI] = "NMI",
	[VEC_BP] = "breakpoint",
	[VEC_OF] = "overflow",
	[VEC_BR] = "bound range",
	[VEC_UD] = "invalid opcode",
	[VEC_NM] = "no FPU",
	[VEC_DF] = "double fault",
	[VEC_TS] = "invalid TSS",
	[VEC_NP] = "segment not present",
	[VEC_SS] = "stack segment",
	[VEC_GP] = "general protection",
	[VEC_PF] = "page fault",
	[VEC_MF] = "x87 error",
	[VEC_AC] = "alignment check",
	[VEC_MC] = "machine check",
	[VEC_XM] = "SIMD error",
	[VEC_VE] = "virtualization",
	[VEC_CP] = "control protection",
	[VEC_SX] = "security",
};

static void load_gdt(void)
{
	uint64_t *gdt = gdts[this_cpu()->index];
	struct tss *tss = &tsss[this_cpu()->index];
	struct table_pointer p = { sizeof(gdts[0]) - 1, (uint64_t)gdt };
	uint64_t base = (uint64_t)tss;

	gdt[SEL_CODE64 / 8] = GDT_CODE64;
	gdt[SEL_DATA / 8] = GDT_DATA;
	gdt[SEL_TSS / 8] = (sizeof(*tss) - 1) | (base & 0xffffff) << 16 | DESC_TSS_AVAILABLE << 40 |
			   DESC_P | (base >> 24 & 0xff) << 56;
	gdt[SEL_TSS / 8 + 1] = base >> 32;
	tss->iomap_base = sizeof(*tss);
	__asm__ volatile("lgdt %0\n\t"
			 "push %1\n\t"
			 "lea 1f(%%rip), %%rax\n\t"
			 "push %%rax\n\t"
			 "lretq\n"
			 "1:\tmov %2, %%ds\n\t"
			 "mov %2, %%es\n\t"
			 "mov %2, %%ss\n\t"
			 "ltr %w3"
			 :
			 : "m"(p), "i"(SEL_CODE64), "r"(SEL_DATA), "r"(SEL_TSS)
			 : "rax", "memory");
}

static void fill_idt(void)
{
	for (unsigned i = 0; i < NR_VECTORS; i++) {
		uint64_t entry = (uint64_t)trap_stubs + i * STUB_BYTES;

		idt[i] = (struct gate){
			.offset_low = entry,
			.selector = SEL_CODE64,
			.type = GATE_INTERRUPT,
			.offset_mid = entry >> 16,
			.offset_high = entry >> 32,
		};
	}
}

static void load_idt(void)
{
	struct table_pointer p = { sizeof(idt) - 1, (uint64_t)idt };

	__asm__ volatile("lidt %0" : : "m"(p));
}

void traps_init(void)
{
	load_gdt();
	fill_idt();
	load_idt();
}

static void use_stack(unsigned vector, enum ist ist)
{
	void *top = stack_alloc();

	if (!top)
		panic("no memory for the stack of vector %u", vector);
	tsss[this_cpu()->index].ist[ist] = (uint64_t)top;
	idt[vector].ist = ist;
}

void traps_stacks_init(void)
{
	use_stack(VEC_NMI, IST_NMI);
	use_stack(VEC_DF, IST_DF);
	use_stack(VEC_MC, IST_MC);
}

void traps_cpu_init(void)
{
	load_gdt();
	traps_stacks_init();
	load_idt();
}

static const struct fixup *find_fixup(uint64_t rip)
{
	/* One array to the linker. */
	/* cppcheck-suppress comparePointers */
	for (const struct fixup *x = extable_start; x < extable_end; x++)
		if (x->may_fault == rip)
			return x;
	return NULL;
}

static bool fix_up(struct trap_frame *f)
{
	const struct fixup *x;

	if (f->vector != VEC_GP && f->vector != VEC_PF && f->vector != VEC_DB)
		return false;
	x = find_fixup(f->rip);
	if (x)
		f->rip = x->go_on;
	return x;
}

static const struct no_irq *find_no_irq(uint64_t rip)
{
	/* cppcheck-suppress comparePointers */
	for (const struct no_irq *x = no_irq_start; x < no_irq_end; x++)
		if (rip - x->from < x->to - x->from)
			return x;
	return NULL;
}

/* GS is the guest's where there should be no interrupt. It waits until the world switch is done. */
static void interrupt(struct trap_frame *f)
{
	const struct no_irq *x = find_no_irq(f->rip);

	if (likely(!x)) {
		irq_dispatch(f->vector);
		return;
	}
	irq_postpone(f->vector);
	f->rflags &= ~RFLAGS_IF;
	if (x->go_on)
		f->rip = x->go_on;
}

static void print_frame(const struct trap_frame *f)
{
	printk("rip %016lx  cs %04lx  rflags %08lx  error %lx\n", f->rip, f->cs, f->rflags,
	       f->error);
	printk("rax %016lx  rbx %016lx  rcx %016lx\n", f->rax, f->rbx, f->rcx);
	printk("rdx %016lx  rsi %016lx  rdi %016lx\n", f->rdx, f->rsi, f->rdi);
	printk("rbp %016lx  rsp %016lx  r8  %016lx\n", f->rbp, f->rsp, f->r8);
	printk("r9  %016lx  r10 %016lx  r11 %016lx\n", f->r9, f->r10, f->r11);
	printk("r12 %016lx  r13 %016lx  r14 %016lx\n", f->r12, f->r13, f->r14);
	printk("r15 %016lx  cr2 %016lx  cr3 %016lx\n", f->r15, read_cr2(), read_cr3());
}

/* A function that calls nothing has no frame, so the chain of frames lacks its caller: that
 * one's address is what the stack pointer shows, if it is an address of code at all. */
static void print_leaf_caller(const struct trap_frame *f)
{
	uint64_t caller, offset, next = 0;
	const char *name;

	if (!probe_read(f->rsp, &caller))
		return;
	name = symbol_name(caller - 1, &offset);
	if (name && !(probe_read(f->rbp + 8, &next) && next == caller))
		printk("top of the stack: %s+%#lx\n", name, offset);
}

/* An exception near the world switch finds the guest's GS. The GDT is never a guest's. */
static void take_gs_back(void)
{
	struct table_pointer gdt;
	uint64_t offset;

	__asm__ volatile("sgdt %0" : "=m"(gdt));
	offset = gdt.base - (uint64_t)gdts;
	if (offset < sizeof(gdts))
		wrmsr(MSR_GS_BASE, (uint64_t)cpu_area(offset / sizeof(gdts[0])));
}

_Noreturn static void die(const struct trap_frame *f)
{
	take_gs_back();
	panic_begin();
	printk("\nxihv: exception %lu (%s)\n", f->vector,
	       exception_name[f->vector] ? exception_name[f->vector] : "reserved");
	print_frame(f);
	print_leaf_caller(f);
	backtrace(f->rip, f->rbp);
	panic_end();
}

/* From hv/traps_entry.asm. */
void trap_handle(struct trap_frame *f);

void trap_handle(struct trap_frame *f)
{
	if (f->vector >= NR_EXCEPTIONS) {
		interrupt(f);
		return;
	}
	if (f->vector == VEC_NMI) {
		panic_on_nmi();
		nmi_note(f->rip);
		return;
	}
	if (!fix_up(f))
		die(f);
}
