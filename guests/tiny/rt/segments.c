/* SPDX-License-Identifier: MIT */
/* GDT, TSS and IDTs (Intel SDM Vol. 3A 3.4.5, 6.11, 6.14.1, 7.2). */
#include "segments.h"

#define VECTORS 256
#define GATE_INTERRUPT 0x8e00u /* present, 32- or 64-bit interrupt gate */
#define GATE_PRESENT 0x8000u
#define TSS_STACK 4 /* esp0, rsp0 */
#define TSS_SS0 8
#define TSS_IOMAP 102
#define TSS_BYTES 104
#define RING0_STACK 4096

struct gate32 {
	uint32_t low, high;
};

struct gate64 {
	uint32_t low, high, offset_top, reserved;
};

struct pointer {
	uint16_t limit;
	uint32_t base;
} __attribute__((packed));

static uint64_t gdt[10] = {
	[SEL_CODE32 / 8] = 0x00cf9b000000ffff,	    [SEL_DATA / 8] = 0x00cf93000000ffff,
	[SEL_CODE64 / 8] = 0x00af9b000000ffff,	    [SEL_USER_CODE / 8] = 0x00cffb000000ffff,
	[SEL_USER_DATA / 8] = 0x00cff3000000ffff,   [SEL_NOT_PRESENT / 8] = 0x00cf13000000ffff,
	[SEL_USER_CODE64 / 8] = 0x00affb000000ffff,
};
#define SEL_TSS 0x30 /* two entries in long mode */

static uint8_t tss[TSS_BYTES] __attribute__((aligned(128)));
static uint8_t ring0_stack[RING0_STACK] __attribute__((aligned(16)));
static struct gate32 idt32[VECTORS] __attribute__((aligned(16)));
static struct gate64 idt64[VECTORS] __attribute__((aligned(16)));

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v);
	put16(p + 2, v >> 16);
}

static void task_state_load(bool long_mode)
{
	const uint64_t base = (uint32_t)tss, available_tss = 0x89;

	memset(tss, 0, sizeof(tss));
	put32(tss + TSS_STACK, (uint32_t)ring0_stack + sizeof(ring0_stack));
	if (!long_mode)
		put32(tss + TSS_SS0, SEL_DATA);
	put16(tss + TSS_IOMAP, TSS_BYTES);
	gdt[SEL_TSS / 8] = (TSS_BYTES - 1) | (base & 0xffffff) << 16 | available_tss << 40 |
			   (base >> 24) << 56;
	gdt[SEL_TSS / 8 + 1] = 0;
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS) : "memory");
}

void segments_load(bool long_mode)
{
	const struct pointer p = { sizeof(gdt) - 1, (uint32_t)gdt };

	__asm__ volatile("lgdt %0\n\t"
			 "ljmp %1, $1f\n"
			 "1:\tmov %w2, %%ds\n\t"
			 "mov %w2, %%es\n\t"
			 "mov %w2, %%fs\n\t"
			 "mov %w2, %%gs\n\t"
			 "mov %w2, %%ss"
			 :
			 : "m"(p), "i"(SEL_CODE32), "r"(SEL_DATA)
			 : "memory");
	task_state_load(long_mode);
}

void idt_set32(unsigned vector, void (*handler)(void), unsigned dpl)
{
	uint32_t at = (uint32_t)handler;

	idt32[vector].low = (at & 0xffff) | SEL_CODE32 << 16;
	idt32[vector].high = (at & 0xffff0000) | GATE_INTERRUPT | dpl << 13;
}

void idt_clear_present32(unsigned vector)
{
	idt32[vector].high &= ~GATE_PRESENT;
}

void idt_set64(unsigned vector, void (*handler)(void), unsigned dpl)
{
	uint32_t at = (uint32_t)handler;

	idt64[vector] = (struct gate64){
		.low = (at & 0xffff) | SEL_CODE64 << 16,
		.high = (at & 0xffff0000) | GATE_INTERRUPT | dpl << 13,
	};
}

void idt_load32(void)
{
	const struct pointer p = { sizeof(idt32) - 1, (uint32_t)idt32 };

	__asm__ volatile("lidt %0" : : "m"(p));
}

void idt_load64(void)
{
	const struct pointer p = { sizeof(idt64) - 1, (uint32_t)idt64 };

	__asm__ volatile("lidt %0" : : "m"(p));
}
