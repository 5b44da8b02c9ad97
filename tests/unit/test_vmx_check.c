/* SPDX-License-Identifier: MIT */
/*
 * The checks of a VM entry on the guest's state (Intel SDM Vol. 3C 26.3.1): three states that
 * pass all, and for each check at least one change that it alone finds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/x86.h"
#include "vmx/check.h"
#include "vmx/vmcs.h"

static const struct vmx_caps caps = {
	.linear_bits = LINEAR_BITS_4LEVEL,
	.cr0_set = CR0_PE | CR0_NE | CR0_PG,
	.cr0_clear = ~UINT64_C(0xffffffff),
	.cr4_set = CR4_VMXE,
	.cr4_clear = ~UINT64_C(0x3727ff),
};

#define CODE (SEG_P | SEG_S | SEG_G | 0xb)
#define DATA (SEG_P | SEG_S | SEG_G | SEG_DB | 0x3)

static struct vmx_guest_state pae(void)
{
	const struct segment data = { .sel = 0x10, .attr = DATA, .limit = 0xffffffff };
	struct vmx_guest_state g = {
		.cr0 = CR0_PE | CR0_NE | CR0_PG | CR0_WP,
		.cr3 = 0x1000,
		.cr4 = CR4_VMXE | CR4_PAE,
		.dr7 = DR7_RESET,
		.rip = 0x100000,
		.rflags = RFLAGS_FIXED,
		.link_pointer = ~UINT64_C(0),
		.pdpte = { 0x2001, 0, 0x3001, 0 },
		.pin_controls = PIN_VIRTUAL_NMI,
		.maxphyaddr = 40,
	};

	for (enum seg s = SEG_ES; s <= SEG_GS; s++)
		g.seg[s] = data;
	g.seg[SEG_CS] = (struct segment){ .sel = 8, .attr = CODE | SEG_DB, .limit = 0xffffffff };
	g.seg[SEG_TR] = (struct segment){ .attr = SEG_P | 0xb, .limit = 0x67 };
	g.seg[SEG_LDTR] = (struct segment){ .attr = SEG_UNUSABLE };
	return g;
}

/* 64-bit code in ring 3, data segments unusable, as Linux runs it. */
static struct vmx_guest_state long_mode(void)
{
	struct vmx_guest_state g = pae();

	g.entry_controls = ENTRY_CTL_IA32E;
	g.rip = UINT64_C(0xffffffff81000000);
	g.seg[SEG_CS] = (struct segment){ .sel = 0x33,
					  .attr = CODE | SEG_L | 3 << SEG_DPL_SHIFT,
					  .limit = 0xffffffff };
	g.seg[SEG_SS] = (struct segment){ .sel = 0x2b,
					  .attr = DATA | 3 << SEG_DPL_SHIFT,
					  .limit = 0xffffffff };
	g.seg[SEG_DS] = g.seg[SEG_ES] = (struct segment){ .attr = SEG_UNUSABLE };
	g.seg[SEG_FS] = (struct segment){ .attr = SEG_UNUSABLE, .base = UINT64_C(0x7f0000000000) };
	g.seg[SEG_TR].base = UINT64_C(0xfffffe0000003000);
	g.pdpte[0] = 0xfff; /* means nothing here */
	return g;
}

static struct vmx_guest_state vm86(void)
{
	struct vmx_guest_state g = pae();

	g.rflags |= RFLAGS_VM | RFLAGS_IF;
	for (enum seg s = SEG_ES; s <= SEG_GS; s++)
		g.seg[s] = (struct segment){
			.sel = 0x1200, .base = 0x12000, .limit = 0xffff, .attr = 0xf3
		};
	return g;
}

static void good_states_pass(void **state)
{
	struct vmx_guest_state g[] = { pae(), long_mode(), vm86() };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(g); i++)
		assert_null(vmx_check_next(NULL, &g[i], &caps));
}

enum base { PAE, LONG, VM86 };

static uint32_t intr(enum vmx_intr_type type)
{
	return INTR_VALID | type << INTR_TYPE_SHIFT;
}

#define BREAK(name, change)                         \
	static void name(struct vmx_guest_state *g) \
	{                                           \
		change;                             \
	}

BREAK(no_ne, g->cr0 &= ~CR0_NE)
BREAK(high_cr0, g->cr0 |= BIT(40))
BREAK(no_vmxe, g->cr4 &= ~CR4_VMXE)
BREAK(odd_cr4, g->cr4 |= BIT(23))
BREAK(odd_debugctl, g->debugctl = BIT(16))
BREAK(no_pae, g->cr4 &= ~CR4_PAE)
BREAK(pcid, g->cr4 |= CR4_PCIDE)
BREAK(wide_cr3, g->cr3 |= BIT(40))
BREAK(wide_dr7, g->dr7 |= BIT(32))
BREAK(sysenter_esp, g->sysenter_esp = BIT(47))
BREAK(sysenter_eip, g->sysenter_eip = BIT(63))
BREAK(gdtr_base, g->gdtr_base = BIT(47))
BREAK(idtr_base, g->idtr_base = BIT(47))
BREAK(gdtr_limit, g->gdtr_limit = 0x10000)
BREAK(idtr_limit, g->idtr_limit = 0x10000)
BREAK(wide_rip, g->rip = BIT(32))
BREAK(wide_rip_compat, g->seg[SEG_CS].attr &= ~SEG_L; g->seg[SEG_CS].attr |= SEG_DB)
BREAK(odd_rip, g->rip = BIT(47))
BREAK(flags_1, g->rflags &= ~RFLAGS_FIXED)
BREAK(flags_15, g->rflags |= BIT(15))
BREAK(flags_22, g->rflags |= BIT(22))
BREAK(vm_long, g->rflags |= RFLAGS_VM)
BREAK(interrupt_if, g->intr_info = intr(INTR_EXTERNAL))
BREAK(activity, g->activity = 4)
BREAK(hlt_ring3, g->activity = 1)
BREAK(hlt_shadow, g->activity = 1; g->interruptibility = BLOCKING_BY_MOV_SS)
BREAK(odd_interruptibility, g->interruptibility = BIT(5))
BREAK(both, g->rflags |= RFLAGS_IF; g->interruptibility = 3)
BREAK(sti_if, g->interruptibility = BLOCKING_BY_STI)
BREAK(shadow_intr, g->rflags |= RFLAGS_IF; g->interruptibility = BLOCKING_BY_STI;
      g->intr_info = intr(INTR_EXTERNAL))
BREAK(shadow_nmi, g->interruptibility = BLOCKING_BY_MOV_SS; g->intr_info = intr(INTR_NMI))
BREAK(smi, g->interruptibility = BIT(2))
BREAK(nmi, g->interruptibility = BLOCKING_BY_NMI; g->intr_info = intr(INTR_NMI))
BREAK(odd_pending, g->pending_debug = BIT(13))
BREAK(step_missing, g->interruptibility = BLOCKING_BY_MOV_SS; g->rflags |= RFLAGS_TF)
BREAK(step_extra, g->interruptibility = BLOCKING_BY_MOV_SS; g->pending_debug = BIT(14))
BREAK(link, g->link_pointer = 0)
BREAK(pdpte_low, g->pdpte[2] |= 2)
BREAK(pdpte_wide, g->pdpte[2] |= BIT(40))

BREAK(tr_ti, g->seg[SEG_TR].sel = 4)
BREAK(ldtr_ti, g->seg[SEG_LDTR] = ((struct segment){ .sel = 4, .attr = SEG_P | 2 }))
BREAK(ss_rpl, g->seg[SEG_SS].sel = 0x11; g->seg[SEG_SS].attr |= 1 << SEG_DPL_SHIFT;
      g->seg[SEG_CS].attr |= 4)
BREAK(vm86_base, g->seg[SEG_DS].base++)
BREAK(vm86_limit, g->seg[SEG_SS].limit = 0xfffff)
BREAK(vm86_rights, g->seg[SEG_CS].attr = 0x9b)
BREAK(fs_base, g->seg[SEG_FS].base = BIT(47))
BREAK(tr_base, g->seg[SEG_TR].base = BIT(47))
BREAK(cs_base, g->seg[SEG_CS].base = BIT(32))
BREAK(ds_base, g->seg[SEG_DS].base = BIT(32))
BREAK(cs_data, g->seg[SEG_CS].attr &= ~UINT32_C(8))
BREAK(ss_read_only, g->seg[SEG_SS].attr &= ~UINT32_C(2))
BREAK(ds_not_accessed, g->seg[SEG_DS].attr &= ~UINT32_C(1))
BREAK(gs_execute_only, g->seg[SEG_GS].attr |= 8; g->seg[SEG_GS].attr &= ~UINT32_C(2))
BREAK(es_system, g->seg[SEG_ES].attr &= ~SEG_S)
BREAK(cs_dpl, g->seg[SEG_CS].attr |= 3 << SEG_DPL_SHIFT)
BREAK(ss_dpl, g->seg[SEG_SS].attr |= 1 << SEG_DPL_SHIFT; g->seg[SEG_CS].attr |= 1 << SEG_DPL_SHIFT)
BREAK(ds_dpl, g->seg[SEG_DS].sel = 0x13)
BREAK(fs_absent, g->seg[SEG_FS].attr &= ~SEG_P)
BREAK(es_odd, g->seg[SEG_ES].attr |= BIT(8))
BREAK(cs_both, g->seg[SEG_CS].attr |= SEG_DB)
BREAK(ds_byte_limit, g->seg[SEG_DS].limit = 0xffff0)
BREAK(ds_wide_limit, g->seg[SEG_DS].attr &= ~SEG_G)
BREAK(tr_16, g->seg[SEG_TR].attr = SEG_P | 3)
BREAK(tr_available, g->seg[SEG_TR].attr = SEG_P | 9)
BREAK(tr_unusable, g->seg[SEG_TR].attr |= SEG_UNUSABLE)
BREAK(tr_granularity, g->seg[SEG_TR].attr |= SEG_G)
BREAK(ldtr_type, g->seg[SEG_LDTR].attr = SEG_P | 3)
BREAK(ldtr_absent, g->seg[SEG_LDTR].attr = 2)

static const struct {
	enum base base;
	void (*change)(struct vmx_guest_state *g);
	const char *what; /* begins the text of the only check that fails */
} broken[] = {
	{ PAE, no_ne, "CR0 has" },
	{ PAE, high_cr0, "CR0 has" },
	{ PAE, no_vmxe, "CR4 has" },
	{ PAE, odd_cr4, "CR4 has" },
	{ PAE, odd_debugctl, "IA32_DEBUGCTL" },
	{ LONG, no_pae, "IA-32e mode has" },
	{ PAE, pcid, "CR4.PCIDE" },
	{ PAE, wide_cr3, "CR3" },
	{ PAE, wide_dr7, "DR7" },
	{ PAE, sysenter_esp, "SYSENTER" },
	{ PAE, sysenter_eip, "SYSENTER" },
	{ PAE, gdtr_base, "the bases of GDTR" },
	{ PAE, idtr_base, "the bases of GDTR" },
	{ PAE, gdtr_limit, "the limits of GDTR" },
	{ PAE, idtr_limit, "the limits of GDTR" },
	{ PAE, wide_rip, "RIP" },
	{ LONG, wide_rip_compat, "RIP" },
	{ LONG, odd_rip, "RIP" },
	{ PAE, flags_1, "RFLAGS has" },
	{ PAE, flags_15, "RFLAGS has" },
	{ PAE, flags_22, "RFLAGS has" },
	{ PAE, interrupt_if, "an interrupt is injected only with" },
	{ PAE, activity, "the activity state" },
	{ LONG, hlt_ring3, "HLT is a state" },
	{ PAE, hlt_shadow, "only an active" },
	{ PAE, odd_interruptibility, "the interruptibility state" },
	{ PAE, both, "STI and MOV SS" },
	{ PAE, sti_if, "STI blocks only" },
	{ PAE, shadow_intr, "no interrupt is injected behind" },
	{ PAE, shadow_nmi, "no NMI is injected behind" },
	{ PAE, smi, "SMIs" },
	{ PAE, nmi, "no NMI is injected while" },
	{ PAE, odd_pending, "the pending debug" },
	{ PAE, step_missing, "behind STI or MOV SS" },
	{ PAE, step_extra, "behind STI or MOV SS" },
	{ PAE, link, "the VMCS link" },
	{ PAE, pdpte_low, "the PDPTEs" },
	{ PAE, pdpte_wide, "the PDPTEs" },
	{ PAE, tr_ti, "TR is of" },
	{ PAE, ldtr_ti, "LDTR is of" },
	{ PAE, ss_rpl, "SS and CS" },
	{ VM86, vm86_base, "vm86" },
	{ VM86, vm86_limit, "vm86" },
	{ VM86, vm86_rights, "vm86" },
	{ LONG, fs_base, "the bases of TR" },
	{ LONG, tr_base, "the bases of TR" },
	{ PAE, cs_base, "the bases of CS" },
	{ PAE, ds_base, "the bases of CS" },
	{ PAE, cs_data, "CS is accessed" },
	{ PAE, ss_read_only, "SS is accessed" },
	{ PAE, ds_not_accessed, "DS, ES, FS and GS are" },
	{ PAE, gs_execute_only, "DS, ES, FS and GS are" },
	{ PAE, es_system, "none of ES" },
	{ PAE, cs_dpl, "CS has the DPL" },
	{ PAE, ss_dpl, "SS.DPL" },
	{ PAE, ds_dpl, "DS, ES, FS and GS have" },
	{ PAE, fs_absent, "ES to GS are present" },
	{ PAE, es_odd, "the access rights" },
	{ LONG, cs_both, "CS is not 64-bit" },
	{ PAE, ds_byte_limit, "G of ES" },
	{ PAE, ds_wide_limit, "G of ES" },
	{ LONG, tr_16, "TR is a busy" },
	{ PAE, tr_available, "TR is a busy" },
	{ PAE, tr_unusable, "TR is a usable" },
	{ PAE, tr_granularity, "TR is a usable" },
	{ PAE, ldtr_type, "LDTR is unusable" },
	{ PAE, ldtr_absent, "LDTR is unusable" },
};

static void each_check_finds_its_fault(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(broken); i++) {
		struct vmx_guest_state g = broken[i].base == PAE    ? pae()
					   : broken[i].base == LONG ? long_mode()
								    : vm86();
		const struct vmx_check *x;

		broken[i].change(&g);
		x = vmx_check_next(NULL, &g, &caps);
		if (!x || strncmp(x->what, broken[i].what, strlen(broken[i].what)) != 0)
			fail_msg("\"%s\" expected, \"%s\" found", broken[i].what,
				 x ? x->what : "nothing");
		x = vmx_check_next(x, &g, &caps);
		if (x)
			fail_msg("\"%s\" expected, \"%s\" found as well", broken[i].what, x->what);
	}
}

static void allowed_all_the_same(void **state)
{
	struct vmx_guest_state g = pae();

	(void)state;
	g.seg[SEG_TR].attr = SEG_P | 3; /* a 16-bit TSS, outside IA-32e mode */
	g.seg[SEG_CS].attr |= 4; /* conforming */
	g.seg[SEG_DS] = (struct segment){ .sel = 0x1b, .attr = CODE | 6 }; /* may be above DPL */
	g.seg[SEG_DS].limit = 0xffffffff;
	assert_null(vmx_check_next(NULL, &g, &caps));
}

/* What counts is the processor's width, in whatever paging mode the guest is. */
static void wide_addresses(void **state)
{
	struct vmx_guest_state g = long_mode();
	struct vmx_caps wide = caps;
	const struct vmx_check *x;

	(void)state;
	wide.linear_bits = LINEAR_BITS_5LEVEL;
	g.rip = g.gdtr_base = g.sysenter_esp = g.seg[SEG_FS].base = UINT64_C(0xff11000000000000);
	assert_non_null(vmx_check_next(NULL, &g, &caps));
	assert_null(vmx_check_next(NULL, &g, &wide));
	g.rip = BIT(56);
	x = vmx_check_next(NULL, &g, &wide);
	assert_non_null(x);
	assert_null(vmx_check_next(x, &g, &wide));
}

/* CR0 and VM break more than one rule: every one is told, in turn. */
static void more_than_one(void **state)
{
	struct vmx_guest_state g = long_mode();
	const struct vmx_check *x;
	unsigned n = 0;

	(void)state;
	vm_long(&g);
	for (x = vmx_check_next(NULL, &g, &caps); x; x = vmx_check_next(x, &g, &caps))
		n++;
	assert_int_equal(n, 2); /* RFLAGS.VM, and segments that are no vm86 ones */
	g = pae();
	g.cr0 &= ~CR0_PE;
	x = vmx_check_next(NULL, &g, &caps);
	assert_string_equal(x->section, "26.3.1.1");
	x = vmx_check_next(x, &g, &caps);
	assert_string_equal(x->what, "CR0.PG is set only with CR0.PE");
	assert_null(vmx_check_next(x, &g, &caps));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_states_pass),
		cmocka_unit_test(each_check_finds_its_fault),
		cmocka_unit_test(allowed_all_the_same),
		cmocka_unit_test(wide_addresses),
		cmocka_unit_test(more_than_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
