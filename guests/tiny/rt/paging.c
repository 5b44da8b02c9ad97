/* SPDX-License-Identifier: MIT */
/* Page tables and paging modes (Intel SDM Vol. 3A 4.3-4.5, 9.8.5). One processor, no locks. */
#include "paging.h"

#include "segments.h"

#define POOL_PAGES 320
#define USER_PAGE 0x50000000u /* as in access.asm */
#define TABLE_FLAGS (PTE_P | PTE_W | PTE_U)
#define ADDRESS_MASK 0x000ffffffffff000ull
#define VECTOR_GP 13
#define VECTOR_PF 14
#define VECTOR_BACK 0x80 /* ring 3 is done */
#define FLAGS_FIXED 2u
#define FLAGS_AC (1u << 18)

const char *const paging_mode_name[NR_PAGING_MODES] = { "32", "pae", "long", "la57" };

static uint8_t pool[POOL_PAGES][PAGE] __attribute__((aligned(4096)));
static unsigned pool_used;

extern uint8_t access_user_page[];
void access_run(uint32_t kind, uint32_t va, uint32_t user, uint32_t flags);
void access_run64(uint32_t kind, uint32_t low, uint32_t high, uint32_t user, uint32_t flags);
void access_load_cr3(uint32_t cr3);
void access_load_cr4(uint32_t cr4);
void access_invlpg64(uint32_t low, uint32_t high);
void access_pf32(void);
void access_gp32(void);
void access_back32(void);
void access_pf64(void);
void access_gp64(void);
void access_back64(void);
_Noreturn void access_unexpected(uint32_t ip);

static uint32_t new_table(void)
{
	if (pool_used == POOL_PAGES) {
		say("FAIL out of page tables\n");
		finish(EXIT_FAIL);
	}
	memset(pool[pool_used], 0, PAGE);
	return (uint32_t)pool[pool_used++];
}

bool paging_possible(enum paging_mode mode)
{
	const uint32_t pse = 1u << 3, pae = 1u << 6, nx = 1u << 20, lm = 1u << 29;
	const uint32_t la57 = 1u << 16;

	if (mode == PAGING_32)
		return cpuid(1, 0).d & pse;
	if (!(cpuid(1, 0).d & pae) || !(cpuid(0x80000001, 0).d & nx))
		return false;
	if (mode == PAGING_PAE)
		return true;
	if (mode == PAGING_LA57 && !(cpuid(0, 0).a >= 7 && (cpuid(7, 0).c & la57)))
		return false;
	return cpuid(0x80000001, 0).d & lm;
}

uint64_t paging_read(const struct paging *p, uint32_t at)
{
	return p->mode == PAGING_32 ? *(volatile uint32_t *)at : *(volatile uint64_t *)at;
}

void paging_write(const struct paging *p, uint32_t at, uint64_t entry)
{
	volatile uint32_t *words = (volatile uint32_t *)at;

	if (p->mode == PAGING_32) {
		words[0] = (uint32_t)entry;
		return;
	}
	/* P goes out first and comes in last: no walk may see half an entry as present */
	if (!(entry & PTE_P)) {
		words[0] = (uint32_t)entry;
		words[1] = (uint32_t)(entry >> 32);
		return;
	}
	if ((uint32_t)(entry >> 32) != words[1]) {
		words[0] = 0;
		words[1] = (uint32_t)(entry >> 32);
	}
	words[0] = (uint32_t)entry;
}

static uint32_t entry_in(const struct paging *p, uint32_t table, uint32_t va, unsigned level)
{
	if (p->mode == PAGING_32)
		return table + (va >> (2 + level * 10) & 1023) * 4;
	if (level >= 4)
		return table;
	return table + (va >> (3 + level * 9) & 511) * 8;
}

uint32_t paging_entry_address(const struct paging *p, uint32_t va, unsigned level)
{
	uint32_t table = p->root;

	for (unsigned l = p->levels; l > level; l--) {
		uint32_t at = entry_in(p, table, va, l);
		uint64_t entry = paging_read(p, at);

		if (!(entry & ADDRESS_MASK)) {
			/* a PAE PDPTE has no W and U bits: they are reserved */
			entry = new_table() |
				(p->mode == PAGING_PAE && l == 3 ? PTE_P : TABLE_FLAGS);
			paging_write(p, at, entry);
		}
		table = (uint32_t)(entry & ADDRESS_MASK);
	}
	return entry_in(p, table, va, level);
}

uint64_t paging_get(const struct paging *p, uint32_t va, unsigned level)
{
	return paging_read(p, paging_entry_address(p, va, level));
}

void paging_set(const struct paging *p, uint32_t va, unsigned level, uint64_t entry)
{
	paging_write(p, paging_entry_address(p, va, level), entry);
}

void paging_map(const struct paging *p, uint32_t va, uint64_t entry)
{
	paging_set(p, va, 1, entry);
	invlpg(va);
}

void paging_add_root(struct paging *p, enum paging_mode mode)
{
	p->mode = mode;
	p->levels = 2 + mode;
	p->large = mode == PAGING_32 ? 0x400000 : 0x200000;
	p->root = new_table();
	/* the latched PDPTEs are not walked: all four tables exist from the start */
	for (uint32_t i = 0; mode == PAGING_PAE && i < 4; i++)
		paging_entry_address(p, i << 30, 2);
	for (uint32_t va = 0; va < IDENTITY_END; va += p->large)
		paging_set(p, va, 2, va | PTE_P | PTE_W | PTE_PS);
	paging_set(p, USER_PAGE, 1, (uint32_t)access_user_page | PTE_P | PTE_W | PTE_U);
}

void paging_build(struct paging *p, enum paging_mode mode)
{
	pool_used = 0;
	paging_add_root(p, mode);
}

static void catch_faults(bool long_mode)
{
	if (long_mode) {
		idt_set64(VECTOR_GP, access_gp64, 0);
		idt_set64(VECTOR_PF, access_pf64, 0);
		idt_set64(VECTOR_BACK, access_back64, 3);
		idt_load64();
		return;
	}
	idt_set32(VECTOR_GP, access_gp32, 0);
	idt_set32(VECTOR_PF, access_pf32, 0);
	idt_set32(VECTOR_BACK, access_back32, 3);
	idt_load32();
}

void paging_on(const struct paging *p)
{
	uint64_t efer = rdmsr(MSR_EFER) & ~(uint64_t)(EFER_LME | EFER_NXE);

	write_cr4(p->mode == PAGING_32	   ? CR4_PSE
		  : p->mode == PAGING_LA57 ? CR4_PAE | CR4_LA57
					   : CR4_PAE);
	if (p->mode != PAGING_32)
		wrmsr(MSR_EFER, efer | EFER_NXE | (p->mode >= PAGING_LONG ? EFER_LME : 0));
	write_cr3(p->root);
	write_cr0(read_cr0() | CR0_PG | CR0_WP);
	segments_load(p->mode >= PAGING_LONG);
	catch_faults(p->mode >= PAGING_LONG);
}

void paging_off(void)
{
	write_cr0(read_cr0() & ~(CR0_PG | CR0_WP));
	if (read_cr4() & CR4_PAE)
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~(uint64_t)(EFER_LME | EFER_NXE));
	write_cr4(0);
	traps_init();
}

bool access(enum access_kind kind, uint32_t va, bool user)
{
	access_run(kind, va, user, FLAGS_FIXED);
	return access_result.vector == NO_TRAP;
}

bool access64(enum access_kind kind, uint64_t va)
{
	access_run64(kind, (uint32_t)va, (uint32_t)(va >> 32), false, FLAGS_FIXED);
	return access_result.vector == NO_TRAP;
}

bool access_as(const struct access_as *as, uint64_t va)
{
	uint32_t flags = FLAGS_FIXED | (as->ac ? FLAGS_AC : 0);

	if (as->code64)
		access_run64(as->kind, (uint32_t)va, (uint32_t)(va >> 32), as->user, flags);
	else
		access_run(as->kind, (uint32_t)va, as->user, flags);
	return access_result.vector == NO_TRAP;
}

bool load_cr3(uint32_t cr3)
{
	access_load_cr3(cr3);
	return access_result.vector == NO_TRAP;
}

bool load_cr4(uint32_t cr4)
{
	access_load_cr4(cr4);
	return access_result.vector == NO_TRAP;
}

void invlpg64(uint64_t va)
{
	access_invlpg64((uint32_t)va, (uint32_t)(va >> 32));
}

void access_unexpected(uint32_t ip)
{
	say("FAIL unexpected exception %u error %x cr2 %X at %x\n", access_result.vector,
	    access_result.error, access_result.cr2, ip);
	finish(EXIT_FAIL);
}
