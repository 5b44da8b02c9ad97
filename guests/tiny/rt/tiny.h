/* SPDX-License-Identifier: MIT */
/*
 * The runtime of the tiny guests: a serial line, a verdict, and the processor's
 * instructions that C lacks. A guest is one file with a main() that returns 0 if all is
 * well; README.md tells how to add one.
 */
#ifndef TINY_H
#define TINY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The guest's own; 0: pass. */
int main(void);

/*
 * Print. Conversions: %s, %u, %x for 32 bits; %U, %X for uint64_t. Each guest prints lines
 * that begin with its name.
 */
void say(const char *fmt, ...);

/* One check of a guest: prints "ok NAME" or "FAIL NAME"; counted. */
void check(bool ok, const char *fmt, ...);

/* One of very many: counted, and nothing is printed. Returns `ok`. */
bool check_quietly(bool ok);
unsigned checks_so_far(void);

/* Number of failed checks, for main() to return, after a closing line is printed. */
int checks_done(const char *guest);

/* End now. Code 0x10: pass; anything else: fail (QEMU exits with 2 * code + 1). */
#define EXIT_PASS 0x10
#define EXIT_FAIL 0x11
_Noreturn void finish(unsigned code);

size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);

/* What the loader handed on. */
struct mb_info {
	uint32_t flags;
	uint32_t mem_lower, mem_upper;
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr;
	uint32_t config_table;
	uint32_t boot_loader_name;
};

struct mb_module {
	uint32_t start, end, string, reserved;
};

struct mb_mmap {
	uint32_t size;
	uint64_t base, length;
	uint32_t type;
} __attribute__((packed));

extern uint32_t boot_magic;
extern const struct mb_info *boot_info;

/* The command line holds `word`. */
bool asked_for(const char *word);

/* The decimal number behind `key` ("n=") on the command line, or `otherwise`. */
uint64_t asked_number(const char *key, uint64_t otherwise);

/* QEMU's software CPU runs us without a hypervisor: some of what it gets wrong
 * (testbeds.md) is an expected difference, by name, in the checks. */
bool on_bare_tcg(void);

struct cpuid {
	uint32_t a, b, c, d;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t sub)
{
	struct cpuid r;

	__asm__ volatile("cpuid"
			 : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
			 : "a"(leaf), "c"(sub));
	return r;
}

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline uint64_t rdtsc(void)
{
	uint64_t t;

	__asm__ volatile("rdtsc" : "=A"(t) : : "memory");
	return t;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint64_t v;

	__asm__ volatile("rdmsr" : "=A"(v) : "c"(msr));
	return v;
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "A"(v) : "memory");
}

#define CONTROL_REGISTER(cr)                                                  \
	static inline uint32_t read_##cr(void)                                \
	{                                                                     \
		uint32_t v;                                                   \
		__asm__ volatile("mov %%" #cr ", %0" : "=r"(v) : : "memory"); \
		return v;                                                     \
	}                                                                     \
	static inline void write_##cr(uint32_t v)                             \
	{                                                                     \
		__asm__ volatile("mov %0, %%" #cr : : "r"(v) : "memory");     \
	}
CONTROL_REGISTER(cr0)
CONTROL_REGISTER(cr2)
CONTROL_REGISTER(cr3)
CONTROL_REGISTER(cr4)

static inline void invlpg(uint32_t va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline uint32_t mmio_read(uint32_t addr)
{
	return *(volatile uint32_t *)addr;
}

static inline void mmio_write(uint32_t addr, uint32_t v)
{
	*(volatile uint32_t *)addr = v;
}

/* Control-register and EFER bits (Intel SDM Vol. 3A 2.5, 2.2.1). */
#define CR0_PE (1u << 0)
#define CR0_NE (1u << 5)
#define CR0_WP (1u << 16)
#define CR0_NW (1u << 29)
#define CR0_CD (1u << 30)
#define CR0_PG (1u << 31)
#define CR4_PSE (1u << 4)
#define CR4_PAE (1u << 5)
#define CR4_PGE (1u << 7)
#define CR4_OSFXSR (1u << 9)
#define CR4_LA57 (1u << 12)
#define CR4_SMEP (1u << 20)
#define CR4_SMAP (1u << 21)
#define MSR_EFER 0xc0000080u
#define EFER_SCE (1u << 0)
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define EFER_NXE (1u << 11)

#endif
