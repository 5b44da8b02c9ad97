/* SPDX-License-Identifier: MIT */
/* The loop that enters a guest: what goes in, what comes out, entries that fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fake_exits.h"
#include "tests/unit/host_print.h"

#define V (&fake_vcpu)

static int setup(void **state)
{
	(void)state;
	fake_exits_reset();
	host_printk_clear();
	return 0;
}

static void run(void)
{
	V->leave = false;
	vmx_ops.run(V);
}

/* One entry that ends with a CPUID. */
static void run_once(void)
{
	fake_nr_entries = fake_entered = 0;
	fake_exit(VMX_EXIT_CPUID);
	run();
	fake_told();
}

static void counts_and_goes_on(void **state)
{
	(void)state;
	V->irq_check = true;
	fake_exit(VMX_EXIT_CPUID);
	fake_exit(VMX_EXIT_HLT);
	run();
	assert_string_equal(fake_told(), "look;cpuid 0;hlt 0;");
	assert_int_equal(V->exits.count[EXIT_CPUID], 1);
	assert_int_equal(V->exits.count[EXIT_HLT], 1);
	assert_true(fake_launched); /* the second is a VMRESUME */
}

/* Another CPU may have it next: its VMCS is written back, and launched anew. */
static void launched_again_after_unload(void **state)
{
	(void)state;
	run_once();
	assert_false(fake_launched);
	run_once();
	assert_true(fake_launched);
	vmx_ops.unload(V);
	fake_host_setups = 0;
	vmx_ops.load(V);
	assert_int_equal(fake_host_setups, 1); /* it may be another CPU */
	run_once();
	assert_false(fake_launched);
}

static void guest_moves(void)
{
	fake_fields(VMCS_GUEST_RIP, 0x2222, VMCS_GUEST_RSP, 0x3333);
	fake_vmcs[VMCS_GUEST_RFLAGS] = RFLAGS_FIXED | RFLAGS_CF;
	fake_cr2 = 0x4444;
}

static void registers_travel(void **state)
{
	(void)state;
	V->regs.rip = 0x1111;
	V->regs.gpr[REG_RSP] = 0x1000;
	V->regs.rflags = RFLAGS_FIXED;
	fake_exit(VMX_EXIT_CPUID);
	fake_entries[0].in_guest = guest_moves;
	run();
	assert_int_equal(V->regs.rip, 0x2222);
	assert_int_equal(V->regs.gpr[REG_RSP], 0x3333);
	assert_int_equal(V->regs.rflags, RFLAGS_FIXED | RFLAGS_CF);
	assert_int_equal(V->cr2, 0x4444);
	assert_int_equal(fake_vmcs[VMCS_GUEST_CR3], 0x5000);
}

/* A VMWRITE costs: what the VMCS has already is not written. */
static void only_changes_are_written(void **state)
{
	static const enum vmcs_field fields[] = { VMCS_GUEST_RIP, VMCS_GUEST_RSP, VMCS_GUEST_RFLAGS,
						  VMCS_GUEST_CR3, VMCS_GUEST_INTERRUPTIBILITY };

	(void)state;
	run_once();
	memset(fake_vmcs_writes, 0, sizeof(fake_vmcs_writes));
	run_once();
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++)
		assert_int_equal(fake_vmcs_writes[fields[i]], 0);
	assert_int_equal(fake_cr2_writes, 0);
	V->mmu.hw.root = HPA(0x6000);
	V->regs.rip++;
	V->cr2 = 1;
	run_once();
	assert_int_equal(fake_vmcs[VMCS_GUEST_CR3], 0x6000);
	assert_int_equal(fake_vmcs_writes[VMCS_GUEST_RIP], 1);
	assert_int_equal(fake_cr2_writes, 1);
}

/* --- events ------------------------------------------------------------------------------ */

static uint64_t injected;

static void look_at_injection(void)
{
	injected = fake_vmcs[VMCS_ENTRY_INTR_INFO];
}

static uint64_t inject(struct event e)
{
	V->pending = e;
	fake_nr_entries = fake_entered = 0;
	fake_exit(VMX_EXIT_CPUID);
	fake_entries[0].in_guest = look_at_injection;
	run();
	assert_int_equal(V->pending.type, EVENT_NONE);
	return injected;
}

static void injection(void **state)
{
	(void)state;
	assert_int_equal(inject((struct event){ EVENT_INTR, 0x30, false, 0 }), 0x80000030);
	assert_int_equal(inject((struct event){ EVENT_EXCEPTION, VEC_UD, false, 0 }), 0x80000306);
	assert_int_equal(inject((struct event){ EVENT_EXCEPTION, VEC_PF, true, 7 }), 0x80000b0e);
	assert_int_equal(fake_vmcs[VMCS_ENTRY_ERROR_CODE], 7);
	V->nmi_blocked = true; /* by the neutral side, when it chose the NMI */
	assert_int_equal(inject((struct event){ EVENT_NMI, VEC_NMI, false, 0 }), 0x80000202);
	assert_int_equal(fake_vmcs[VMCS_GUEST_INTERRUPTIBILITY] & BLOCKING_BY_NMI, 0);
	assert_int_equal(inject((struct event){ .type = EVENT_NONE }) & INTR_VALID, 0);
}

/* An exit in the middle of a delivery: what is injected after it. */
static uint64_t interrupted(uint32_t vectoring, uint32_t error)
{
	fake_nr_entries = fake_entered = 0;
	fake_fields(VMCS_IDT_VECTORING_INFO, vectoring, VMCS_IDT_VECTORING_ERROR, error);
	fake_exit(VMX_EXIT_EXCEPTION_OR_NMI);
	fake_exit(VMX_EXIT_CPUID);
	fake_entries[1].in_guest = look_at_injection;
	fake_fields(VMCS_EXIT_INTR_INFO, INTR_VALID | INTR_HARD_EXCEPTION << 8 | VEC_PF,
		    VMCS_EXIT_QUALIFICATION, 0x1000);
	run();
	fake_vmcs[VMCS_IDT_VECTORING_INFO] = 0;
	run_once(); /* deliver what the second exit interrupted, the same again */
	return injected & (INTR_VALID | 0xfff);
}

static void interrupted_delivery(void **state)
{
	(void)state;
	assert_int_equal(interrupted(0x80000020, 0), 0x80000020);
	assert_int_equal(interrupted(0x8000030d & ~0x800u, 0), 0x8000030d);
	assert_int_equal(interrupted(0x80000b0d, 0x18), 0x80000b0d);
	assert_int_equal(fake_vmcs[VMCS_ENTRY_ERROR_CODE], 0x18);
	assert_int_equal(interrupted(0x80000202, 0), 0x80000202);
	/* INT n, INT1, INT3 are run again */
	assert_int_equal(interrupted(0x80000480, 0) & INTR_VALID, 0);
	assert_int_equal(interrupted(0x80000501, 0) & INTR_VALID, 0);
	assert_int_equal(interrupted(0x80000603, 0) & INTR_VALID, 0);
}

static void windows(void **state)
{
	(void)state;
	V->want_window = true;
	run_once();
	assert_int_equal(fake_vmcs[VMCS_PROC_CONTROLS] & (PROC_INTERRUPT_WINDOW | PROC_NMI_WINDOW),
			 PROC_INTERRUPT_WINDOW);
	V->want_window = false;
	V->want_nmi_window = true;
	run_once();
	assert_int_equal(fake_vmcs[VMCS_PROC_CONTROLS] & (PROC_INTERRUPT_WINDOW | PROC_NMI_WINDOW),
			 PROC_NMI_WINDOW);
	V->want_nmi_window = false;
	run_once();
	assert_int_equal(fake_vmcs[VMCS_PROC_CONTROLS] & (PROC_INTERRUPT_WINDOW | PROC_NMI_WINDOW),
			 0);
	assert_true(fake_vmcs[VMCS_PROC_CONTROLS] & PROC_SECONDARY);
}

static void guest_blocks(void)
{
	fake_vmcs[VMCS_GUEST_INTERRUPTIBILITY] = BLOCKING_BY_MOV_SS | BLOCKING_BY_NMI;
}

static void shadows(void **state)
{
	(void)state;
	fake_exit(VMX_EXIT_CPUID);
	fake_entries[0].in_guest = guest_blocks;
	run();
	assert_true(V->intr_shadow);
	assert_true(V->nmi_blocked);
	run_once(); /* it goes on as it is */
	assert_int_equal(fake_vmcs[VMCS_GUEST_INTERRUPTIBILITY],
			 BLOCKING_BY_MOV_SS | BLOCKING_BY_NMI);
	V->intr_shadow = false; /* the instruction in it was emulated */
	run_once();
	assert_int_equal(fake_vmcs[VMCS_GUEST_INTERRUPTIBILITY], BLOCKING_BY_NMI);
	V->intr_shadow = true;
	V->nmi_blocked = false;
	V->regs.rflags |= RFLAGS_TF | RFLAGS_IF;
	run_once();
	assert_int_equal(fake_vmcs[VMCS_GUEST_INTERRUPTIBILITY], BLOCKING_BY_STI);
	assert_int_equal(fake_vmcs[VMCS_GUEST_PENDING_DEBUG], PENDING_DEBUG_BS);
	V->intr_shadow = false;
	run_once();
	assert_int_equal(fake_vmcs[VMCS_GUEST_PENDING_DEBUG], 0);
}

/* --- task priority ----------------------------------------------------------------------- */

static void guest_writes_cr8(void)
{
	((struct vmx_vcpu *)V->arch)->virtual_apic->tpr = 0x30;
}

static void tpr_shadow(void **state)
{
	(void)state;
	V->tpr = 0x5b;
	run_once();
	assert_int_equal(((struct vmx_vcpu *)V->arch)->virtual_apic->tpr, 0x5b);
	assert_int_equal(fake_vmcs[VMCS_TPR_THRESHOLD], 5);
	fake_nr_entries = fake_entered = 0;
	fake_exit(VMX_EXIT_TPR_BELOW_THRESHOLD);
	fake_entries[0].in_guest = guest_writes_cr8;
	run();
	assert_string_equal(fake_told(), "cr8 3;");
	run_once();
	assert_int_equal(fake_vmcs[VMCS_TPR_THRESHOLD], 3);
	V->tpr = 0x5b;
	run_once();
	fake_nr_entries = fake_entered = 0;
	fake_exit(VMX_EXIT_CPUID);
	fake_entries[0].in_guest = guest_writes_cr8;
	run();
	V->tpr = 0x5b; /* by the register page: again what the latest entry had */
	run_once();
	assert_int_equal(((struct vmx_vcpu *)V->arch)->virtual_apic->tpr, 0x5b);
}

static void without_tpr_shadow(void **state)
{
	(void)state;
	vmx_ops.vcpu_fini(V);
	vmx_caps.control[VMX_PROC] = 0;
	assert_int_equal(vmx_ops.vcpu_init(V), 0);
	vmx_ops.load(V);
	to_vmx(V)->enterable = true;
	V->tpr = 0x50;
	run_once();
	assert_int_equal(fake_vmcs_writes[VMCS_TPR_THRESHOLD], 0);
}

/* --- translations ------------------------------------------------------------------------ */

static void flushes(void **state)
{
	const uint16_t vpid = 2 * VM_MAX_VCPUS + 1 + 1;

	(void)state;
	run_once(); /* a new vCPU begins with one */
	assert_int_equal(fake_invvpids, 1);
	assert_int_equal(fake_invvpid_type, INVVPID_CONTEXT);
	assert_int_equal(fake_invvpid_vpid, vpid);
	run_once();
	assert_int_equal(fake_invvpids, 1);
	vmx_ops.tlb_flush_page(V, 0xffff800000002000);
	assert_int_equal(fake_invvpids, 2);
	assert_int_equal(fake_invvpid_type, INVVPID_ADDRESS);
	assert_int_equal(fake_invvpid_va, 0xffff800000002000);
	vmx_ops.tlb_flush_page(V, 0x800000002000); /* not canonical: nothing is held */
	assert_int_equal(fake_invvpids, 2);
	vmx_ops.tlb_flush(V);
	vmx_ops.tlb_flush_page(V, 0x1000); /* part of it */
	assert_int_equal(fake_invvpids, 2);
	run_once();
	assert_int_equal(fake_invvpids, 3);
}

/* A guest with LA57 uses addresses that are not canonical in the host's 4-level mode. INVVPID takes
 * what the processor is wide enough for (SDM Vol. 3C 30.3). */
static void flushes_of_wide_addresses(void **state)
{
	(void)state;
	run_once();
	fake_linear_bits = vmx_caps.linear_bits = LINEAR_BITS_5LEVEL;
	vmx_ops.tlb_flush_page(V, 0xff11000000002000);
	assert_int_equal(fake_invvpids, 2);
	assert_int_equal(fake_invvpid_va, 0xff11000000002000);
	vmx_ops.tlb_flush_page(V, 0x100000000000000);
	assert_int_equal(fake_invvpids, 2);
	fake_narrow = true; /* refused: all goes, before the next entry */
	vmx_ops.tlb_flush_page(V, 0xff11000000002000);
	assert_int_equal(fake_invvpids, 2);
	run_once();
	assert_int_equal(fake_invvpids, 3);
	assert_int_equal(fake_invvpid_type, INVVPID_CONTEXT);
}

static void flushes_on_lesser_processors(void **state)
{
	(void)state;
	run_once();
	vmx_caps.invvpid_context = vmx_caps.invvpid_address = false;
	vmx_ops.tlb_flush_page(V, 0x1000);
	assert_int_equal(fake_invvpids, 1);
	run_once();
	assert_int_equal(fake_invvpids, 2);
	assert_int_equal(fake_invvpid_type, INVVPID_ALL);
	vmx_ops.vcpu_fini(V);
	vmx_caps.control[VMX_PROC2] = 0;
	assert_int_equal(vmx_ops.vcpu_init(V), 0);
	vmx_ops.load(V);
	to_vmx(V)->enterable = true;
	vmx_ops.tlb_flush_page(V, 0x1000);
	run_once();
	assert_int_equal(fake_invvpids, 2); /* each entry flushes */
}

/* The TLB of the CPU that it comes to may hold what it left there. */
static void flush_on_another_cpu(void **state)
{
	(void)state;
	run_once();
	vmx_ops.unload(V);
	fake_cpu.index = 0;
	((struct vmx_vcpu *)V->arch)->cpu = 1;
	vmx_ops.load(V);
	run_once();
	assert_int_equal(fake_invvpids, 2);
}

/* --- MSRs, control registers ------------------------------------------------------------- */

static void resident_msrs(void **state)
{
	uint64_t val;

	(void)state;
	assert_true(vmx_ops.set_msr(V, MSR_LSTAR, 0x1234));
	assert_int_equal(*fake_msr_at(MSR_LSTAR), 0x1234);
	assert_false(vmx_ops.set_msr(V, MSR_SFMASK, UINT64_C(1) << 32)); /* reserved: #GP */
	assert_int_equal(*fake_msr_at(MSR_SFMASK), 0);
	*fake_msr_at(MSR_KERNEL_GS_BASE) = 0x77; /* by SWAPGS, without an exit */
	assert_true(vmx_ops.get_msr(V, MSR_KERNEL_GS_BASE, &val));
	assert_int_equal(val, 0x77);
	vmx_ops.unload(V);
	*fake_msr_at(MSR_KERNEL_GS_BASE) = *fake_msr_at(MSR_LSTAR) = 0; /* another's */
	assert_true(vmx_ops.get_msr(V, MSR_KERNEL_GS_BASE, &val));
	assert_int_equal(val, 0x77);
	assert_true(vmx_ops.set_msr(V, MSR_STAR, 0x99));
	assert_int_equal(*fake_msr_at(MSR_STAR), 0);
	vmx_ops.load(V);
	assert_int_equal(*fake_msr_at(MSR_KERNEL_GS_BASE), 0x77);
	assert_int_equal(*fake_msr_at(MSR_LSTAR), 0x1234);
	assert_int_equal(*fake_msr_at(MSR_STAR), 0x99);
}

/* Written by the guest in 5-level mode, without an exit. */
static void msr_that_the_processor_does_not_take_back(void **state)
{
	(void)state;
	*fake_msr_at(MSR_LSTAR) = UINT64_C(0xff11000000000000);
	vmx_ops.unload(V);
	fake_narrow = true;
	vmx_ops.load(V);
	assert_int_equal(*fake_msr_at(MSR_LSTAR), 0);
	assert_non_null(strstr(fake_told(), "kill MSR 0xc0000082 holds 0xff11000000000000"));
}

static void msrs_of_the_vmcs(void **state)
{
	uint64_t val;

	(void)state;
	assert_true(vmx_ops.set_msr(V, MSR_GS_BASE, 0xabc));
	assert_int_equal(fake_vmcs[0x6810], 0xabc);
	assert_true(vmx_ops.set_msr(V, MSR_FS_BASE, 0xdef));
	assert_int_equal(fake_vmcs[0x680e], 0xdef);
	assert_true(vmx_ops.set_msr(V, MSR_SYSENTER_CS, 8));
	assert_true(vmx_ops.get_msr(V, MSR_SYSENTER_CS, &val));
	assert_int_equal(val, 8);
	assert_false(vmx_ops.get_msr(V, MSR_PAT, &val));
	assert_false(vmx_ops.set_msr(V, MSR_PAT, val));
}

static void bitmap(void **state)
{
	static uint8_t map[4096];

	(void)state;
	memset(map, 0xff, sizeof(map));
	vmx_let_msrs_through(map);
	assert_int_equal(map[0x174 / 8], 0xff & ~(7 << 4)); /* SYSENTER_CS, ESP, EIP */
	assert_int_equal(map[2048 + 0x174 / 8], 0xff & ~(7 << 4));
	assert_int_equal(map[1024 + 0x80 / 8], 0xff & ~(0xf << 1)); /* STAR to SFMASK; not EFER */
	assert_int_equal(map[3072 + 0x100 / 8], 0xff & ~7); /* FS, GS, KERNEL_GS; not TSC_AUX */
}

static void sce_is_the_guests(void **state)
{
	(void)state;
	*fake_msr_at(MSR_EFER) = EFER_LME | EFER_LMA | EFER_NXE;
	V->efer |= EFER_SCE;
	vmx_ops.paging_changed(V);
	assert_int_equal(*fake_msr_at(MSR_EFER), EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE);
	vmx_ops.unload(V);
	V->efer &= ~EFER_SCE;
	vmx_ops.paging_changed(V); /* not here: the register is another's */
	assert_true(*fake_msr_at(MSR_EFER) & EFER_SCE);
	vmx_ops.load(V);
	assert_false(*fake_msr_at(MSR_EFER) & EFER_SCE);
}

static void real_control_registers(void **state)
{
	(void)state;
	vmx_caps.cr0_set = CR0_PE | CR0_NE | CR0_PG;
	vmx_caps.cr4_set = CR4_VMXE;
	V->cr0 = CR0_PE | CR0_CD | CR0_NW;
	V->cr4 = CR4_SMEP | CR4_SMAP | CR4_PGE;
	V->mmu.hw.long_mode = false;
	vmx_ops.paging_changed(V);
	assert_int_equal(fake_vmcs[VMCS_GUEST_CR0], CR0_PE | CR0_NE | CR0_PG | CR0_WP | CR0_ET);
	assert_int_equal(fake_vmcs[VMCS_CR0_SHADOW], V->cr0);
	assert_int_equal(fake_vmcs[VMCS_GUEST_CR4], CR4_PGE | CR4_PAE | CR4_MCE | CR4_VMXE);
	assert_int_equal(fake_vmcs[VMCS_CR4_SHADOW], V->cr4);
	assert_false(fake_vmcs[VMCS_ENTRY_CONTROLS] & ENTRY_CTL_IA32E);
	V->cr0 |= CR0_PG;
	V->mmu.hw.long_mode = true;
	vmx_ops.paging_changed(V);
	assert_int_equal(fake_vmcs[VMCS_GUEST_CR4],
			 CR4_PGE | CR4_SMEP | CR4_SMAP | CR4_PAE | CR4_MCE | CR4_VMXE);
	assert_true(fake_vmcs[VMCS_ENTRY_CONTROLS] & ENTRY_CTL_IA32E);
	V->cr4 |= CR4_LA57; /* the shadow has five levels then: it must be there */
	vmx_ops.paging_changed(V);
	assert_int_equal(fake_vmcs[VMCS_GUEST_CR4],
			 CR4_PGE | CR4_SMEP | CR4_SMAP | CR4_PAE | CR4_LA57 | CR4_MCE | CR4_VMXE);
	assert_true(vmx_ops.possible_cr4() & CR4_LA57);
	vmx_caps.cr4_clear = CR4_LA57; /* ..., or not be offered */
	assert_false(vmx_ops.possible_cr4() & CR4_LA57);
}

static void segments(void **state)
{
	const struct segment in = { .sel = 0x28, .attr = 0x1008b, .limit = 0x67, .base = 0x1000 };
	struct segment out;
	unsigned mode;

	(void)state;
	vmx_ops.set_segment(V, SEG_TR, &in);
	assert_int_equal(fake_vmcs[0x080e], 0x28);
	assert_int_equal(fake_vmcs[0x4822], 0x1008b);
	vmx_ops.get_segment(V, SEG_TR, &out);
	assert_int_equal(out.sel, in.sel);
	assert_int_equal(out.attr, in.attr);
	assert_int_equal(out.limit, in.limit);
	assert_int_equal(out.base, in.base);
	fake_vmcs[0x4818] = 0xf3; /* SS */
	assert_int_equal(vmx_ops.get_cpl(V), 3);
	fake_fields(0x4816, SEG_L, 0x6808, 0x40000000); /* CS */
	V->regs.rip = UINT64_C(0xffffffff80001000);
	assert_int_equal(vmx_ops.get_linear_rip(V, &mode), UINT64_C(0xffffffff80001000));
	assert_int_equal(mode, 8);
	fake_vmcs[0x4816] = SEG_DB;
	assert_int_equal(vmx_ops.get_linear_rip(V, &mode), 0xc0001000);
	assert_int_equal(mode, 4);
	fake_vmcs[0x4816] = 0;
	assert_int_equal(vmx_ops.get_mode(V), 2);
}

static void debug_registers(void **state)
{
	(void)state;
	vmx_ops.set_dr(V, 6, 0x11);
	vmx_ops.set_dr(V, 7, 0x22);
	assert_int_equal(fake_vmcs[VMCS_GUEST_DR7], 0x22);
	assert_int_equal(fake_dr6, 0); /* not the guest's yet */
	V->dr_live = true;
	vmx_ops.intercept_dr(V, false);
	assert_int_equal(fake_dr6, 0x11);
	assert_false(fake_vmcs[VMCS_PROC_CONTROLS] & PROC_MOV_DR);
	fake_dr6 = 0x33; /* by the guest */
	assert_int_equal(vmx_ops.get_dr(V, 6), 0x33);
	V->dr_live = false;
	vmx_ops.intercept_dr(V, true);
	fake_dr6 = 0;
	assert_int_equal(vmx_ops.get_dr(V, 6), 0x33);
	assert_true(fake_vmcs[VMCS_PROC_CONTROLS] & PROC_MOV_DR);
}

/* --- entries that fail ------------------------------------------------------------------- */

static void failed_entry(enum vmx_entry_result result, uint32_t error, const char *told)
{
	fake_nr_entries = fake_entered = 0;
	fake_exit(0);
	fake_entries[0].result = result;
	fake_vmcs[VMCS_INSN_ERROR] = error;
	run();
	assert_string_equal(fake_told(), told);
}

static void vmlaunch_fails(void **state)
{
	(void)state;
	failed_entry(VMX_FAIL_VALID, 7, "kill an invalid control field;");
	failed_entry(VMX_FAIL_VALID, 8, "kill an invalid host-state field;");
	failed_entry(VMX_FAIL_VALID, 5, "kill VMRESUME of a VMCS that was not launched;");
	failed_entry(VMX_FAIL_INVALID, 7, "kill there is no current VMCS;");
	assert_int_equal(V->exits.count[EXIT_FAILED_ENTRY], 4);
	assert_non_null(strstr(host_printk_buf, "VMCS: exit"));
}

static void guest_state_refused(void **state)
{
	(void)state;
	V->regs.rflags = RFLAGS_FIXED;
	fake_fields(0x4822, SEG_P | 3, VMCS_GUEST_CR0, CR0_PE | CR0_PG); /* a 16-bit TSS */
	fake_vmcs[VMCS_GUEST_CR4] = CR4_VMXE | CR4_PAE;
	fake_vmcs[VMCS_ENTRY_CONTROLS] = ENTRY_CTL_IA32E;
	fake_vmcs[VMCS_LINK_POINTER] = ~UINT64_C(0);
	for (unsigned i = 0; i <= 12; i += 2)
		fake_vmcs[0x4814 + i] = SEG_UNUSABLE;
	fake_vmcs[0x4816] = SEG_P | SEG_S | SEG_L | 0xb;
	fake_exit(0x80000000 | VMX_EXIT_BAD_GUEST_STATE);
	run();
	assert_string_equal(fake_told(), "kill TR is a busy TSS, in IA-32e mode not a 16-bit one;");
	assert_non_null(strstr(host_printk_buf, "fails a check of SDM 26.3.1.2: TR is a busy TSS"));
	fake_vmcs[0x4822] = SEG_P | 0xb; /* good again: then it is what no check knows */
	fake_nr_entries = fake_entered = 0;
	fake_vmcs[VMCS_EXIT_QUALIFICATION] = 2;
	fake_exit(0x80000000 | VMX_EXIT_BAD_GUEST_STATE);
	run();
	assert_string_equal(fake_told(), "kill a PDPTE was refused;");
}

/* An NMI of the host's in the guest: its handler, and the guest goes on. */
static void nmi_exit_goes_on(void **state)
{
	(void)state;
	fake_vmcs[VMCS_EXIT_INTR_INFO] = INTR_VALID | INTR_NMI << INTR_TYPE_SHIFT | VEC_NMI;
	fake_exit(VMX_EXIT_EXCEPTION_OR_NMI);
	fake_exit(VMX_EXIT_CPUID);
	run();
	assert_int_equal(fake_host_nmis, 1);
	assert_int_equal(fake_entered, 2);
	assert_string_equal(fake_told(), "cpuid 0;");
	assert_int_equal(V->exits.count[EXIT_NMI], 1);
}

static void leaves_when_a_timer_is_due(void **state)
{
	(void)state;
	fake_cpu.timer_tsc = 0;
	fake_exit(VMX_EXIT_CPUID);
	fake_exit(VMX_EXIT_CPUID);
	run();
	assert_int_equal(fake_entered, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(counts_and_goes_on),
		T(launched_again_after_unload),
		T(registers_travel),
		T(only_changes_are_written),
		T(injection),
		T(interrupted_delivery),
		T(windows),
		T(shadows),
		T(tpr_shadow),
		T(without_tpr_shadow),
		T(flushes),
		T(flushes_of_wide_addresses),
		T(flushes_on_lesser_processors),
		T(flush_on_another_cpu),
		T(resident_msrs),
		T(msr_that_the_processor_does_not_take_back),
		T(msrs_of_the_vmcs),
		T(bitmap),
		T(sce_is_the_guests),
		T(real_control_registers),
		T(segments),
		T(debug_registers),
		T(vmlaunch_fails),
		T(guest_state_refused),
		T(nmi_exit_goes_on),
		T(leaves_when_a_timer_is_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
