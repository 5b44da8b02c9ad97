/* SPDX-License-Identifier: MIT */
/*
 * VMX on one CPU: is it there and allowed, on, off (Intel SDM Vol. 3C 23.6, 23.7, appendix
 * A). vmx_caps is written once, by the boot CPU; the rest belongs to its CPU.
 */
#include "hv/cpu.h"
#include "hv/errno.h"
#include "hv/line.h"
#include "hv/print.h"
#include "hv/page.h"
#include "hv/percpu.h"
#include "vmx/vmx.h"

/* IA32_VMX_BASIC (A.1): the TRUE capability MSRs are there. */
#define BASIC_TRUE_CONTROLS BIT(55)

struct vmx_caps vmx_caps;

static void *vmxon_region[CPUS_MAX]; /* by host CPU; NULL: VMX is off */

static uint64_t read_or_0(uint32_t msr)
{
	uint64_t val;

	return rdmsr_safe(msr, &val) ? 0 : val;
}

static void read_msrs(struct vmx_msrs *m)
{
	bool true_ones;

	m->basic = rdmsr(MSR_VMX_BASIC);
	true_ones = m->basic & BASIC_TRUE_CONTROLS;
	m->control[VMX_PIN] = rdmsr(true_ones ? MSR_VMX_TRUE_PIN : MSR_VMX_PIN);
	m->control[VMX_PROC] = rdmsr(true_ones ? MSR_VMX_TRUE_PROC : MSR_VMX_PROC);
	m->control[VMX_EXIT] = rdmsr(true_ones ? MSR_VMX_TRUE_EXIT : MSR_VMX_EXIT);
	m->control[VMX_ENTRY] = rdmsr(true_ones ? MSR_VMX_TRUE_ENTRY : MSR_VMX_ENTRY);
	m->control[VMX_PROC2] = read_or_0(MSR_VMX_PROC2);
	m->misc = rdmsr(MSR_VMX_MISC);
	m->ept_vpid = read_or_0(MSR_VMX_EPT_VPID_CAP);
	m->cr0_fixed0 = rdmsr(MSR_VMX_CR0_FIXED0);
	m->cr0_fixed1 = rdmsr(MSR_VMX_CR0_FIXED1);
	m->cr4_fixed0 = rdmsr(MSR_VMX_CR4_FIXED0);
	m->cr4_fixed1 = rdmsr(MSR_VMX_CR4_FIXED1);
	m->linear_bits = cpu_linear_bits();
}

/* Locked, and not for us. A processor without the register (an emulated one) locks nothing. */
static bool locked_off(void)
{
	uint64_t fc;

	if (rdmsr_safe(MSR_FEATURE_CONTROL, &fc))
		return false;
	return (fc & FEATURE_CONTROL_LOCK) && !(fc & FEATURE_CONTROL_VMX_OUTSIDE_SMX);
}

bool vmx_usable(const char **why)
{
	static char text[80];
	struct vmx_msrs msrs;
	const char *lacks;

	if (!cpu_has(FEAT_VMX)) {
		*why = "the processor has no VMX";
		return false;
	}
	if (locked_off()) {
		*why = "the firmware has disabled VMX and locked that (IA32_FEATURE_CONTROL): "
		       "switch it on in its setup";
		return false;
	}
	read_msrs(&msrs);
	lacks = vmx_caps_find(&vmx_caps, &msrs);
	/* CPUID tells guests of RDTSCP, which is undefined in them without its control. */
	if (!lacks && cpu_has(FEAT_RDTSCP) && !vmx_caps_have(&vmx_caps, VMX_PROC2, PROC2_RDTSCP))
		lacks = "RDTSCP in guests";
	if (!lacks)
		return true;
	snprintf(text, sizeof(text), "the processor's VMX lacks %s", lacks);
	*why = text;
	return false;
}

/* Firmware that knows nothing of VMX leaves the register open, which means off (23.7). */
static int open_the_lock(void)
{
	uint64_t fc, on = FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX_OUTSIDE_SMX;

	if (rdmsr_safe(MSR_FEATURE_CONTROL, &fc) || (fc & FEATURE_CONTROL_LOCK))
		return 0;
	return wrmsr_safe(MSR_FEATURE_CONTROL, fc | on);
}

void *vmx_region_alloc(void)
{
	uint32_t *region;
	pfn_t pfn;

	if (page_alloc(0, PAGE_ZERO | (vmx_caps.below_4g ? PAGE_BELOW_4G : 0), &pfn))
		return NULL;
	region = pfn_to_ptr(pfn);
	*region = vmx_caps.revision;
	return region;
}

void vmx_region_free(void *region)
{
	page_free(hpa_to_pfn(ptr_to_hpa(region)), 0);
}

/* One line for what there is, one for what there is not. */
static void print_extras(bool there)
{
	struct line l = { .len = 0 };
	const char *name;
	bool have, any = false;

	line_add(&l, "VMX %s ", there ? "with" : "without");
	for (unsigned i = 0; (name = vmx_caps_extra(&vmx_caps, i, &have)); i++)
		if (have == there) {
			line_add(&l, "%s%s", any ? ", " : "", name);
			any = true;
		}
	if (any)
		line_print(&l);
}

int vmx_cpu_init(void)
{
	unsigned cpu = this_cpu()->index;
	void *region;

	if (cpu == 0 && vmx_setup_init())
		return -ENOMEM;
	region = vmx_region_alloc();
	if (!region)
		return -ENOMEM;
	write_cr0(vmx_fix_cr0(&vmx_caps, read_cr0()));
	write_cr4(vmx_fix_cr4(&vmx_caps, read_cr4() | CR4_VMXE));
	if (open_the_lock() || vmxon(ptr_to_hpa(region).v)) {
		write_cr4(read_cr4() & ~CR4_VMXE);
		vmx_region_free(region);
		return -EIO;
	}
	vmxon_region[cpu] = region;
	if (cpu == 0) { /* all CPUs of a machine are alike */
		print_extras(true);
		print_extras(false);
	}
	return 0;
}

/* Outside VMX operation INIT is not blocked, so that the machine can be reset (23.8). */
void vmx_cpu_fini(void)
{
	unsigned cpu = this_cpu()->index;

	if (!vmxon_region[cpu])
		return;
	vmxoff();
	write_cr4(read_cr4() & ~CR4_VMXE);
	vmx_region_free(vmxon_region[cpu]);
	vmxon_region[cpu] = NULL;
}
