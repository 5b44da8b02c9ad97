/* SPDX-License-Identifier: MIT */
/* Names of exit reasons (Intel SDM Vol. 3C appendix C) and VM-instruction errors (30.4).
 * Constant, so no lock. */
#include "vmx/vmx.h"

static const char *const reasons[] = {
	[VMX_EXIT_EXCEPTION_OR_NMI] = "exception or NMI",
	[VMX_EXIT_EXTERNAL_INTERRUPT] = "external interrupt",
	[VMX_EXIT_TRIPLE_FAULT] = "triple fault",
	[VMX_EXIT_INIT] = "INIT",
	[VMX_EXIT_SIPI] = "SIPI",
	[VMX_EXIT_IO_SMI] = "I/O SMI",
	[VMX_EXIT_OTHER_SMI] = "other SMI",
	[VMX_EXIT_INTERRUPT_WINDOW] = "interrupt window",
	[VMX_EXIT_NMI_WINDOW] = "NMI window",
	[VMX_EXIT_TASK_SWITCH] = "task switch",
	[VMX_EXIT_CPUID] = "CPUID",
	[VMX_EXIT_GETSEC] = "GETSEC",
	[VMX_EXIT_HLT] = "HLT",
	[VMX_EXIT_INVD] = "INVD",
	[VMX_EXIT_INVLPG] = "INVLPG",
	[VMX_EXIT_RDPMC] = "RDPMC",
	[VMX_EXIT_RDTSC] = "RDTSC",
	[VMX_EXIT_RSM] = "RSM",
	[VMX_EXIT_VMCALL] = "VMCALL",
	[VMX_EXIT_VMCLEAR] = "VMCLEAR",
	[VMX_EXIT_VMLAUNCH] = "VMLAUNCH",
	[VMX_EXIT_VMPTRLD] = "VMPTRLD",
	[VMX_EXIT_VMPTRST] = "VMPTRST",
	[VMX_EXIT_VMREAD] = "VMREAD",
	[VMX_EXIT_VMRESUME] = "VMRESUME",
	[VMX_EXIT_VMWRITE] = "VMWRITE",
	[VMX_EXIT_VMXOFF] = "VMXOFF",
	[VMX_EXIT_VMXON] = "VMXON",
	[VMX_EXIT_CR] = "control register",
	[VMX_EXIT_DR] = "debug register",
	[VMX_EXIT_IO] = "I/O",
	[VMX_EXIT_RDMSR] = "RDMSR",
	[VMX_EXIT_WRMSR] = "WRMSR",
	[VMX_EXIT_BAD_GUEST_STATE] = "invalid guest state",
	[VMX_EXIT_BAD_MSR_LOAD] = "an MSR could not be loaded",
	[VMX_EXIT_MWAIT] = "MWAIT",
	[VMX_EXIT_MONITOR_TRAP] = "monitor trap flag",
	[VMX_EXIT_MONITOR] = "MONITOR",
	[VMX_EXIT_PAUSE] = "PAUSE",
	[VMX_EXIT_MACHINE_CHECK] = "machine check during the entry",
	[VMX_EXIT_TPR_BELOW_THRESHOLD] = "TPR below threshold",
	[VMX_EXIT_RDTSCP] = "RDTSCP",
	[VMX_EXIT_PREEMPTION_TIMER] = "preemption timer",
	[VMX_EXIT_WBINVD] = "WBINVD",
	[VMX_EXIT_XSETBV] = "XSETBV",
};

static const char *const errors[] = {
	[1] = "VMCALL in VMX root operation",
	[2] = "VMCLEAR with an invalid address",
	[3] = "VMCLEAR with the VMXON region",
	[4] = "VMLAUNCH of a VMCS that is not clear",
	[5] = "VMRESUME of a VMCS that was not launched",
	[6] = "VMRESUME after VMXOFF",
	[7] = "an invalid control field",
	[8] = "an invalid host-state field",
	[9] = "VMPTRLD with an invalid address",
	[10] = "VMPTRLD with the VMXON region",
	[11] = "VMPTRLD with another VMCS revision",
	[12] = "a VMCS field that this processor does not have",
	[13] = "VMWRITE to a read-only VMCS field",
	[15] = "VMXON in VMX root operation",
	[16] = "an invalid executive-VMCS pointer",
	[17] = "an executive VMCS that was not launched",
	[18] = "an executive-VMCS pointer that is not the VMXON pointer",
	[19] = "VMCALL with a VMCS that is not clear",
	[20] = "VMCALL with invalid exit controls",
	[22] = "VMCALL with another MSEG revision",
	[23] = "VMXOFF under dual-monitor treatment",
	[24] = "VMCALL with invalid SMM-monitor features",
	[25] = "invalid entry controls in an executive VMCS",
	[26] = "events are blocked by MOV SS",
	[28] = "an invalid operand to INVEPT or INVVPID",
};

const char *vmx_exit_reason_name(unsigned reason)
{
	return reason < ARRAY_SIZE(reasons) && reasons[reason] ? reasons[reason] : "unknown";
}

const char *vmx_insn_error_name(unsigned error)
{
	return error < ARRAY_SIZE(errors) && errors[error] ? errors[error] : "unknown error";
}
