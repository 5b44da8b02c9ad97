/* SPDX-License-Identifier: MIT */
/*
 * Page tables of all formats for 32-bit code: 2-level, PAE, and 4-level and 5-level by way of
 * compatibility mode. Tables come from a small pool in the identity-mapped first 16 MiB.
 */
#ifndef TINY_PAGING_H
#define TINY_PAGING_H

#include "tiny.h"
#include "traps.h"

#define PTE_P (1ull << 0)
#define PTE_W (1ull << 1)
#define PTE_U (1ull << 2)
#define PTE_A (1ull << 5)
#define PTE_D (1ull << 6)
#define PTE_PS (1ull << 7)
#define PTE_G (1ull << 8)
#define PTE_NX (1ull << 63)

#define PAGE 4096u
#define IDENTITY_END 0x1000000u /* supervisor, writable, large pages */

/* From PAGING_LONG on in IA-32e mode. */
enum paging_mode { PAGING_32, PAGING_PAE, PAGING_LONG, PAGING_LA57, NR_PAGING_MODES };
extern const char *const paging_mode_name[NR_PAGING_MODES];

struct paging {
	enum paging_mode mode;
	unsigned levels; /* 2 to 5; level 1 holds the PTEs */
	uint32_t large; /* bytes of a page that a level 2 entry maps */
	uint32_t root; /* for CR3 */
};

/* The processor has what the mode needs. */
bool paging_possible(enum paging_mode mode);

/* Forget all tables and make new ones: identity map, and ring 3's page. */
void paging_build(struct paging *p, enum paging_mode mode);

/* One more root that shares nothing with those before but the pool. */
void paging_add_root(struct paging *p, enum paging_mode mode);

/* Paging on with these tables (CR0.WP set, EFER.NXE where there are PAE tables, GDT, TSS and
 * IDT of the mode loaded, #PF and #GP caught for access()), and off. */
void paging_on(const struct paging *p);
void paging_off(void);

/* An entry of the walk for `va`, tables above it made as needed (present, writable, user). */
uint64_t paging_get(const struct paging *p, uint32_t va, unsigned level);
void paging_set(const struct paging *p, uint32_t va, unsigned level, uint64_t entry);

/* Where that entry lies. */
uint32_t paging_entry_address(const struct paging *p, uint32_t va, unsigned level);

/* An entry by its place, of the size that the mode has. */
uint64_t paging_read(const struct paging *p, uint32_t at);
void paging_write(const struct paging *p, uint32_t at, uint64_t entry);

/* Level 1 entry of a page and INVLPG. */
void paging_map(const struct paging *p, uint32_t va, uint64_t entry);

enum access_kind { ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE };

struct access_result {
	uint32_t vector; /* NO_TRAP: it went well */
	uint32_t error;
	uint64_t cr2;
	uint32_t value; /* read */
};

extern volatile struct access_result access_result;

/* Make one 4-byte access, as ring 3 if `user`; access_result tells. True: no fault. */
bool access(enum access_kind kind, uint32_t va, bool user);

/* The same by 64-bit code, anywhere (from PAGING_LONG on). */
bool access64(enum access_kind kind, uint64_t va);

/* The same with all that there is to choose: code64 as access64(), ac: EFLAGS.AC is set. A
 * function is called by ACCESS_EXECUTE: what it left in EAX is access_result.value. */
struct access_as {
	enum access_kind kind;
	bool user, ac, code64;
};
bool access_as(const struct access_as *as, uint64_t va);

/* MOV to CR3, CR4, which may fault as an access may. */
bool load_cr3(uint32_t cr3);
bool load_cr4(uint32_t cr4);

/* INVLPG by 64-bit code (from PAGING_LONG on). */
void invlpg64(uint64_t va);

#endif
