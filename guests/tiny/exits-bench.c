/* SPDX-License-Identifier: MIT */
/*
 * What an exit costs: counted loops of one kind of exit each, in each paging mode (or only
 * those that the command line names: 32, pae, long). A line a phase:
 *
 *     exits-bench: MODE PHASE COUNT TICKS
 *
 * TICKS are of the TSC around COUNT rounds, less the same loop with nothing in it; under
 * QEMU's -icount they are instructions. The count is 10000, or what n=... says.
 */
#include "paging.h"
#include "segments.h"

#define DEFAULT_ROUNDS 10000u
#define VA 0x40000000u
#define HIDDEN_VA 0x80000000u
#define HIDDEN_STRIDE (8 * PAGE) /* the only one in its cache line of entries */
#define HIDDEN_PAGES 10000u
#define OOS_VA 0x50000000u /* 2 MiB, a table of its own */
#define PTE_SOFT 0x200u /* ignored by the processor */
#define LAPIC_TPR 0xfee00080u
#define LAPIC_PAGE 0xfee00000u
#define MSR_PAT 0x277

static struct paging pg;
static uint32_t rounds;
static uint8_t frame[PAGE] __attribute__((aligned(4096)));

/* #PF handlers that go on behind a two-byte instruction, as cheap as they can be. */
void bench_pf32(void);
void bench_pf64(void);
__asm__(".text\n"
	"bench_pf32: addl $4, %esp; addl $2, (%esp); iret\n"
	".code64\n"
	"bench_pf64: addq $8, %rsp; addq $2, (%rsp); iretq\n"
	".code32\n");

/* Two bytes: mov (%ecx), %eax. */
static inline void load(uint32_t va)
{
	uint32_t value;

	__asm__ volatile(".byte 0x8b, 0x01" : "=a"(value) : "c"(va) : "memory");
}

static void nothing(uint32_t i)
{
	(void)i;
	__asm__ volatile("");
}

static void do_cpuid(uint32_t i)
{
	(void)i;
	cpuid(0, 0);
}

static void do_invlpg(uint32_t i)
{
	(void)i;
	invlpg(VA);
}

static void do_cr3(uint32_t i)
{
	(void)i;
	write_cr3(pg.root);
}

static void do_reflected(uint32_t i)
{
	(void)i;
	load(VA + PAGE);
}

/* Each page is touched once: mapped by the guest, not in any shadow. One in 64 needs a shadow
 * table too. Downwards, so that it looks like no sequence. */
static void do_hidden(uint32_t i)
{
	load(HIDDEN_VA + (HIDDEN_PAGES - 1 - i % HIDDEN_PAGES) * HIDDEN_STRIDE);
}

/* A flush when a table of 512 entries, first and last in use, has been written. */
static void do_oos(uint32_t i)
{
	paging_set(&pg, OOS_VA, 1, (uint32_t)frame | PTE_P | PTE_A | (i & 1 ? PTE_SOFT : 0));
	load(OOS_VA);
	load(OOS_VA + 511 * PAGE);
	write_cr3(pg.root);
}

static void do_out(uint32_t i)
{
	outb(0x80, (uint8_t)i);
}

static void do_rdmsr(uint32_t i)
{
	(void)i;
	rdmsr(MSR_PAT);
}

static void do_wrmsr(uint32_t i)
{
	(void)i;
	wrmsr(MSR_PAT, 0x0007040600070406);
}

static void do_mmio_read(uint32_t i)
{
	(void)i;
	mmio_read(LAPIC_TPR);
}

static void do_mmio_write(uint32_t i)
{
	(void)i;
	mmio_write(LAPIC_TPR, 0);
}

static void do_cr0(uint32_t i)
{
	write_cr0(i & 1 ? read_cr0() | CR0_WP : read_cr0() & ~CR0_WP);
}

/* A page-table entry changes and its page is used: what every mapping costs. */
static void do_remap(uint32_t i)
{
	paging_set(&pg, VA, 1, (uint32_t)frame | PTE_P | PTE_A | (i & 1 ? PTE_W : 0));
	invlpg(VA);
	load(VA);
}

static const struct phase {
	const char *name;
	void (*round)(uint32_t i);
} phases[] = {
	{ "cpuid", do_cpuid },
	{ "invlpg", do_invlpg },
	{ "cr3-reload", do_cr3 },
	{ "pf-reflected", do_reflected },
	{ "pf-hidden", do_hidden },
	{ "cr3-oos", do_oos },
	{ "out", do_out },
	{ "rdmsr", do_rdmsr },
	{ "wrmsr", do_wrmsr },
	{ "mmio-read", do_mmio_read },
	{ "mmio-write", do_mmio_write },
	{ "cr0-wp", do_cr0 },
	{ "remap", do_remap },
};

static uint64_t measure(void (*volatile round)(uint32_t i))
{
	uint64_t start = rdtsc();

	for (uint32_t i = 0; i < rounds; i++)
		round(i);
	return rdtsc() - start;
}

static void map_everything(void)
{
	paging_set(&pg, VA, 1, (uint32_t)frame | PTE_P | PTE_W | PTE_A);
	for (uint32_t i = 0; i < HIDDEN_PAGES; i++)
		paging_set(&pg, HIDDEN_VA + i * HIDDEN_STRIDE, 1, (uint32_t)frame | PTE_P | PTE_A);
	paging_set(&pg, OOS_VA, 1, (uint32_t)frame | PTE_P | PTE_A);
	paging_set(&pg, OOS_VA + 511 * PAGE, 1, (uint32_t)frame | PTE_P | PTE_A);
	paging_set(&pg, LAPIC_PAGE, 1, LAPIC_PAGE | PTE_P | PTE_W | PTE_A | PTE_D);
}

static void run_mode(enum paging_mode mode)
{
	uint64_t empty;

	paging_build(&pg, mode);
	map_everything();
	paging_on(&pg);
	if (mode >= PAGING_LONG)
		idt_set64(14, bench_pf64, 0);
	else
		idt_set32(14, bench_pf32, 0);
	measure(nothing);
	empty = measure(nothing);
	for (unsigned i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		uint64_t ticks = measure(phases[i].round);

		say("exits-bench: %s %s %u %U\n", paging_mode_name[mode], phases[i].name, rounds,
		    ticks > empty ? ticks - empty : 0);
	}
	paging_off();
}

int main(void)
{
	bool chosen = false;

	traps_init();
	rounds = (uint32_t)asked_number("n=", DEFAULT_ROUNDS);
	for (unsigned mode = 0; mode < NR_PAGING_MODES; mode++)
		chosen = chosen || asked_for(paging_mode_name[mode]);
	for (unsigned mode = 0; mode < NR_PAGING_MODES; mode++)
		if (asked_for(paging_mode_name[mode]) || (!chosen && paging_possible(mode)))
			run_mode(mode);
	say("exits-bench: done\n");
	return 0;
}
