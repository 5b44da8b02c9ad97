/* SPDX-License-Identifier: MIT */
/*
 * The keys g, r, m: guests, registers of their vCPUs, memory. Run loop only: no vCPU of this
 * CPU is in guest mode, so its registers are in struct vcpu and with the back end; no lock.
 */
#include "hv/inspect.h"

#include "hv/line.h"
#include "hv/page.h"
#include "hv/print.h"
#include "hv/timer.h"
#include "hv/vendor.h"
#include "hv/vm.h"

#define MIB_SHIFT 20

static const char *const vm_state_name[] = {
	[VM_STARTING] = "starting",   [VM_RUNNING] = "running", [VM_ENDING] = "ending",
	[VM_RESETTING] = "resetting", [VM_ENDED] = "ended",
};

static const char *const vcpu_state_name[] = {
	[VCPU_OFF] = "off",
	[VCPU_RUNNABLE] = "runnable",
	[VCPU_HALTED] = "halted",
	[VCPU_DEAD] = "dead",
};

static void show_guest(const struct vm *vm)
{
	uint64_t up = (clock_ns() - vm->started) / NSEC_PER_SEC;
	struct line l = { .len = 0 };

	line_add(&l, "%2u %-16s%-10s%6u%9lu  %-9s", vm->id, vm->config.name,
		 vm_state_name[vm->state], vm->config.vcpus, vm->config.mem >> MIB_SHIFT,
		 vm->mmu.config.engine);
	if (vm->state == VM_ENDED)
		line_add(&l, "%s", vm->end_reason);
	else
		line_add(&l, "%lu:%02lu:%02lu", up / 3600, up / 60 % 60, up % 60);
	line_print(&l);
	if (vm->rom_writes || vm->hole_reads || vm->hole_writes)
		printk("   writes to ROM %lu, reads where nothing answers %lu, writes %lu\n",
		       vm->rom_writes, vm->hole_reads, vm->hole_writes);
	if (vm->console.rx_dropped)
		printk("   typed while its input was full, and lost: %lu bytes\n",
		       vm->console.rx_dropped);
}

void inspect_key_guests(char key)
{
	(void)key;
	if (!nr_vms) {
		printk("no guests\n");
		return;
	}
	printk(" # guest           state      vCPUs  MiB RAM  mmu      uptime\n");
	for (unsigned i = 0; i < nr_vms; i++)
		show_guest(vms[i]);
}

static void show_gprs(const struct cpu_regs *r)
{
	static const char name[NR_GPRS][4] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
	};

	for (unsigned i = 0; i < NR_GPRS; i += 4)
		printk("  %-3s %016lx %-3s %016lx %-3s %016lx %-3s %016lx\n", name[i], r->gpr[i],
		       name[i + 1], r->gpr[i + 1], name[i + 2], r->gpr[i + 2], name[i + 3],
		       r->gpr[i + 3]);
}

static void show_segments(struct vcpu *v)
{
	static const char name[NR_SEGS][5] = {
		[SEG_ES] = "es", [SEG_CS] = "cs", [SEG_SS] = "ss", [SEG_DS] = "ds",
		[SEG_FS] = "fs", [SEG_GS] = "gs", [SEG_TR] = "tr", [SEG_LDTR] = "ldtr",
	};
	struct descriptor_table gdt, idt;

	for (unsigned i = 0; i < NR_SEGS; i++) {
		struct segment s;

		vendor->get_segment(v, (enum seg)i, &s);
		printk("  %-4s %04x base %016lx limit %08x attr %05x\n", name[i], s.sel, s.base,
		       s.limit, s.attr);
	}
	vendor->get_tables(v, &gdt, &idt);
	printk("  gdt       base %016lx limit %04x\n", gdt.base, gdt.limit);
	printk("  idt       base %016lx limit %04x\n", idt.base, idt.limit);
}

static void show_vcpu(struct vcpu *v)
{
	printk("%s vCPU %u, %s, CPL %u\n", v->vm->config.name, v->id, vcpu_state_name[v->state],
	       vendor->get_cpl(v));
	printk("  rip %016lx rsp %016lx rflags %08lx\n", v->regs.rip, v->regs.gpr[REG_RSP],
	       v->regs.rflags);
	show_gprs(&v->regs);
	printk("  cr0 %08lx cr2 %016lx cr3 %016lx cr4 %08lx efer %04lx\n", v->cr0, v->cr2, v->cr3,
	       v->cr4, v->efer);
	show_segments(v);
}

void inspect_key_registers(char key)
{
	bool none = true;

	(void)key;
	for (unsigned i = 0; i < nr_vms; i++)
		for (unsigned j = 0; j < vms[i]->nr_vcpus; j++) {
			struct vcpu *v = vms[i]->vcpu[j];

			show_vcpu(v);
			if (!v->cpu)
				vendor->unload(v);
			none = false;
		}
	if (none)
		printk("no vCPU\n");
}

static void show_memory_of(const struct vm *vm)
{
	printk("%s: RAM %lu MiB\n", vm->config.name, vm->config.mem >> MIB_SHIFT);
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		unsigned pages, unused;

		mmu_pool_use(&vm->vcpu[i]->mmu, &pages, &unused);
		printk("  vCPU %u: %u shadow pages, %u in use\n", i, pages, pages - unused);
	}
}

void inspect_key_memory(char key)
{
	uint64_t total = pages_total(), free = pages_free();

	(void)key;
	printk("memory: %lu MiB managed, %lu MiB free, %lu KiB in use\n",
	       total * PAGE_SIZE >> MIB_SHIFT, free * PAGE_SIZE >> MIB_SHIFT,
	       (total - free) * PAGE_SIZE / 1024);
	for (unsigned i = 0; i < nr_vms; i++)
		if (vms[i]->state != VM_ENDED)
			show_memory_of(vms[i]);
}
