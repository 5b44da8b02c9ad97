/* SPDX-License-Identifier: MIT */
/*
 * CR8 in 64-bit mode and the local APIC's task priority are one register (Intel SDM Vol. 3A
 * 10.8.6): each shows what was written to the other, and holds interrupts back until it is
 * lowered. In 32-bit code there is no CR8, so each access is a trip into 64-bit code.
 */
#include "paging.h"
#include "segments.h"

#define LAPIC 0xfee00000u
#define LAPIC_TPR (LAPIC + 0x80)
#define LAPIC_SVR (LAPIC + 0xf0)
#define LAPIC_ICR (LAPIC + 0x300)
#define SVR_ENABLE 0x1ffu
#define ICR_SELF 0x40000u
#define VECTOR 0x55 /* class 5 */

uint32_t cr8_access(bool write, uint32_t val);
void cr8_interrupt(void);
volatile uint32_t cr8_interrupts;

__asm__(".text\n"
	"cr8_access:\n\t"
	"mov 4(%esp), %edx\n\t"
	"mov 8(%esp), %eax\n\t"
	"ljmp $0x18, $1f\n" /* SEL_CODE64 */
	".code64\n"
	"1:\tmov %esp, %esp\n\t"
	"mov %eax, %eax\n\t"
	"test %dl, %dl\n\t"
	"jz 2f\n\t"
	"mov %rax, %cr8\n"
	"2:\tmov %cr8, %rax\n\t"
	"push $0x08\n\t" /* SEL_CODE32 */
	"mov $3f, %ecx\n\t"
	"push %rcx\n\t"
	"lretq\n"
	"cr8_interrupt:\n\t"
	"push %rax\n\t"
	"mov $cr8_interrupts, %eax\n\t"
	"incl (%rax)\n\t"
	"mov $0xfee000b0, %eax\n\t" /* EOI */
	"movl $0, (%rax)\n\t"
	"pop %rax\n\t"
	"iretq\n"
	".code32\n"
	"3:\tret\n");

static uint32_t read_cr8(void)
{
	return cr8_access(false, 0);
}

static uint32_t write_cr8(uint32_t val)
{
	return cr8_access(true, val);
}

static void both_are_one(void)
{
	check(write_cr8(9) == 9, "CR8 reads back");
	check(mmio_read(LAPIC_TPR) == 0x90, "and is the high half of TPR");
	mmio_write(LAPIC_TPR, 0x37);
	check(read_cr8() == 3, "TPR's high half is CR8");
	check(mmio_read(LAPIC_TPR) == 0x37, "and its low half stays");
	check(write_cr8(3) == 3 && mmio_read(LAPIC_TPR) == 0x30, "a write to CR8 clears it");
	write_cr8(0);
}

static void let_in(void)
{
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
}

static void holds_back(void)
{
	write_cr8(5);
	mmio_write(LAPIC_ICR, ICR_SELF | VECTOR);
	let_in();
	check(cr8_interrupts == 0, "its own class is held back");
	write_cr8(15);
	let_in();
	write_cr8(6);
	let_in();
	check(cr8_interrupts == 0, "so it is when CR8 went up and a bit down");
	write_cr8(4);
	let_in();
	check(cr8_interrupts == 1, "and comes when CR8 is lower");
	__asm__ volatile("sti");
	write_cr8(7);
	mmio_write(LAPIC_ICR, ICR_SELF | VECTOR);
	check(cr8_interrupts == 1, "held back with interrupts on");
	write_cr8(0);
	check(cr8_interrupts == 2, "and comes at once");
	__asm__ volatile("cli");
}

int main(void)
{
	struct paging p;

	paging_build(&p, PAGING_LONG);
	paging_on(&p);
	paging_map(&p, LAPIC, LAPIC | PTE_P | PTE_W);
	idt_set64(VECTOR, cr8_interrupt, 0);
	mmio_write(LAPIC_SVR, SVR_ENABLE);
	both_are_one();
	holds_back();
	paging_off();
	return checks_done("cr8");
}
