/* SPDX-License-Identifier: MIT */
/* See fake_exits.h. */
#include "tests/unit/fake_exits.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/control_regs.h"
#include "hv/exit_handlers.h"
#include "hv/line.h"
#include "hv/page.h"
#include "hv/print.h"

struct vm fake_vm;
struct vcpu fake_vcpu;
struct fake_entry fake_entries[FAKE_ENTRIES];
unsigned fake_nr_entries, fake_entered, fake_host_setups;
bool fake_launched;
void (*fake_in_step)(void);
bool fake_step_result;
unsigned fake_nr_steps, fake_stepped;
struct vmx_caps vmx_caps;
struct guest_features guest_features = { .cr4 = CR4_MCE };

static char told[1024], read_out[sizeof(told)];

static void __attribute__((format(printf, 1, 2))) tell(const char *fmt, ...)
{
	size_t n = strlen(told);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(told + n, sizeof(told) - n, fmt, ap);
	va_end(ap);
	strncat(told, ";", sizeof(told) - strlen(told) - 1);
}

const char *fake_told(void)
{
	strcpy(read_out, told);
	told[0] = '\0';
	return read_out;
}

void fake_exits_reset(void)
{
	if (fake_vcpu.arch)
		vmx_ops.vcpu_fini(&fake_vcpu);
	fake_vmx_reset();
	vmx_caps = (struct vmx_caps){
		.control = { [VMX_PROC] = PROC_SECONDARY | PROC_TPR_SHADOW, [VMX_PROC2] = PROC2_VPID },
		.invvpid_address = true,
		.invvpid_context = true,
		.linear_bits = fake_linear_bits,
		.cr4_set = CR4_VMXE,
	};
	fake_vm = (struct vm){ .id = 2 };
	fake_vcpu = (struct vcpu){
		.vm = &fake_vm,
		.id = 1,
		.state = VCPU_RUNNABLE,
		.cr0 = CR0_PE | CR0_PG,
		.cr4 = CR4_PAE,
		.efer = EFER_LME | EFER_LMA,
		.mmu.hw = { .root = HPA(0x5000), .long_mode = true, .levels = 4 },
	};
	fake_nr_entries = fake_entered = 0;
	fake_in_step = NULL;
	fake_step_result = true;
	fake_nr_steps = fake_stepped = 0;
	told[0] = '\0';
	if (vmx_ops.vcpu_init(&fake_vcpu))
		abort();
	vmx_ops.load(&fake_vcpu);
	to_vmx(&fake_vcpu)->enterable = true;
	to_vmx(&fake_vcpu)->modes = CR0_PE | EFER_LMA;
}

void fake_exit(uint32_t reason)
{
	fake_entries[fake_nr_entries++] = (struct fake_entry){ .reason = reason };
}

void fake_fields(enum vmcs_field f1, uint64_t v1, enum vmcs_field f2, uint64_t v2)
{
	fake_vmcs[f1] = v1;
	fake_vmcs[f2] = v2;
}

/* --- the processor ---------------------------------------------------------------------- */

enum vmx_entry_result vmx_enter(struct cpu_regs *regs, uint64_t *host_rsp, bool launched)
{
	const struct fake_entry *e = &fake_entries[fake_entered++];

	(void)regs;
	(void)host_rsp;
	fake_launched = launched;
	if (fake_entered == fake_nr_entries)
		fake_vcpu.leave = true;
	if (e->in_guest)
		e->in_guest();
	if (e->result != VMX_ENTERED)
		return e->result;
	fake_vmcs[VMCS_ENTRY_INTR_INFO] &= ~(uint64_t)INTR_VALID; /* 24.8.3 */
	fake_vmcs[VMCS_EXIT_REASON] = e->reason;
	return VMX_ENTERED;
}

void vmx_setup_host_cpu(void)
{
	fake_host_setups++;
}

void vmx_setup(struct vmx_vcpu *s)
{
	s->proc_controls = vmx_caps.control[VMX_PROC];
}

void *vmx_region_alloc(void)
{
	return calloc(1, PAGE_SIZE);
}

void vmx_region_free(void *region)
{
	free(region);
}

int vmx_cpu_init(void)
{
	return 0;
}

void vmx_cpu_fini(void)
{
}

bool vmx_usable(const char **why)
{
	(void)why;
	return true;
}

void *mem_alloc(size_t bytes)
{
	return calloc(1, bytes);
}

void mem_free(void *p, size_t bytes)
{
	(void)bytes;
	free(p);
}

hpa_t ptr_to_hpa(const void *p)
{
	return HPA((uintptr_t)p);
}

/* --- the neutral side ------------------------------------------------------------------- */

void vm_kill(struct vcpu *v, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tell("kill %s", text);
	v->leave = true;
}

void vcpu_look_for_events(struct vcpu *v)
{
	v->irq_check = false;
	tell("look");
}

static void count_step(void)
{
	if (++fake_stepped == fake_nr_steps)
		fake_vcpu.leave = true;
	if (fake_in_step)
		fake_in_step();
}

bool vcpu_step(struct vcpu *v)
{
	(void)v;
	tell("step");
	count_step();
	return fake_step_result;
}

void vcpu_deliver_real(struct vcpu *v)
{
	tell("deliver %u", v->pending.vector);
	v->pending.type = EVENT_NONE;
	count_step();
}

void vcpu_kill_outside_scope(struct vcpu *v, const char *where)
{
	vm_kill(v, "%s", where);
}

void vcpu_inject_exception(struct vcpu *v, unsigned vector, bool has_error, uint32_t error)
{
	(void)v;
	(void)error;
	tell(has_error ? "inject %u with an error code" : "inject %u", vector);
}

/* Another CPU wants the vCPU to go back to its run loop. */
void vcpu_take_poke(struct vcpu *v)
{
	vcpu_has_left(v);
	v->poked = false;
	v->leave = true;
}

void vcpu_skip_slowly(struct vcpu *v, uint64_t from)
{
	(void)v;
	(void)from;
}

int vcpu_set_cr8(struct vcpu *v, uint64_t val)
{
	tell("cr8 %d", (int)val);
	v->tpr = val << 4;
	return 0;
}

void vcpu_emulate_string_io(struct vcpu *v)
{
	(void)v;
	tell("string io");
}

void exit_page_fault(struct vcpu *v, uint64_t va, uint32_t error)
{
	(void)v;
	tell("page fault %llx %x", (unsigned long long)va, error);
}

void exit_exception(struct vcpu *v, unsigned vector, bool has_error, uint32_t error)
{
	(void)v;
	tell(has_error ? "exception %u error %x" : "exception %u", vector, error);
}

void exit_invlpg(struct vcpu *v, uint64_t va, unsigned len)
{
	(void)v;
	tell("invlpg %llx %u", (unsigned long long)va, len);
}

void exit_mov_to_cr(struct vcpu *v, unsigned cr, unsigned gpr, unsigned len)
{
	(void)v;
	tell("to cr%u from %u %u", cr, gpr, len);
}

void exit_mov_from_cr(struct vcpu *v, unsigned cr, unsigned gpr, unsigned len)
{
	(void)v;
	tell("from cr%u to %u %u", cr, gpr, len);
}

void exit_clts(struct vcpu *v, unsigned len)
{
	(void)v;
	tell("clts %u", len);
}

void exit_lmsw(struct vcpu *v, uint16_t msw, unsigned len)
{
	(void)v;
	tell("lmsw %x %u", msw, len);
}

void exit_io(struct vcpu *v, uint16_t port, unsigned size, bool in, unsigned len)
{
	(void)v;
	tell("%s %x size %u %u", in ? "in" : "out", port, size, len);
}

void exit_instruction(struct vcpu *v, enum insn_op op, unsigned len)
{
	(void)v;
	tell(op == INSN_NONE ? "undefined" : "instruction %d %u", op, len);
}

void exit_dr(struct vcpu *v)
{
	v->dr_live = true;
	vmx_ops.intercept_dr(v, false);
	tell("dr");
}

#define EXIT_WITH_LENGTH(name)                         \
	void exit_##name(struct vcpu *v, unsigned len) \
	{                                              \
		(void)v;                               \
		tell(#name " %u", len);                \
	}
EXIT_WITH_LENGTH(cpuid)
EXIT_WITH_LENGTH(rdmsr)
EXIT_WITH_LENGTH(wrmsr)
EXIT_WITH_LENGTH(hlt)

void exit_shutdown(struct vcpu *v)
{
	vm_kill(v, "triple fault");
}

void exit_failed_entry(struct vcpu *v, const char *why)
{
	vmx_ops.dump(v);
	vm_kill(v, "%s", why);
}
