/* SPDX-License-Identifier: MIT */
/* The processor of fake_vmx.h. */
#include "tests/unit/fake_vmx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/errno.h"

uint64_t fake_vmcs[FAKE_VMCS_FIELDS];
unsigned fake_vmcs_writes[FAKE_VMCS_FIELDS];
uint64_t fake_cr2, fake_dr6, fake_msr[8];
unsigned fake_cr2_writes, fake_irq_windows, fake_host_nmis, fake_invvpids;
unsigned fake_linear_bits;
bool fake_narrow;
enum invvpid_type fake_invvpid_type;
uint64_t fake_invvpid_va;
uint16_t fake_invvpid_vpid;
struct percpu fake_cpu;

static uint32_t msr_number[ARRAY_SIZE(fake_msr)];
static bool is_current;

void fake_vmx_reset(void)
{
	memset(fake_vmcs, 0, sizeof(fake_vmcs));
	memset(fake_vmcs_writes, 0, sizeof(fake_vmcs_writes));
	memset(fake_msr, 0, sizeof(fake_msr));
	memset(msr_number, 0, sizeof(msr_number));
	fake_cr2 = fake_dr6 = 0;
	fake_cr2_writes = fake_irq_windows = fake_host_nmis = fake_invvpids = 0;
	fake_linear_bits = LINEAR_BITS_4LEVEL;
	fake_narrow = false;
	fake_cpu = (struct percpu){ .timer_tsc = TIMER_TSC_NEVER };
	fake_cpu.self = &fake_cpu;
	is_current = false;
}

static void demand(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fake VMX: %s\n", what);
	abort();
}

bool vmptrld(uint64_t hpa)
{
	(void)hpa;
	is_current = true;
	return false;
}

bool vmclear(uint64_t hpa)
{
	(void)hpa;
	is_current = false;
	return false;
}

uint64_t vmcs_read(enum vmcs_field field)
{
	demand(is_current, "VMREAD without a VMCS");
	demand(field < FAKE_VMCS_FIELDS, "VMREAD of no field");
	return fake_vmcs[field];
}

/* 11:10 of an encoding is 1 for the fields that cannot be written. */
void vmcs_write(enum vmcs_field field, uint64_t val)
{
	demand(is_current, "VMWRITE without a VMCS");
	demand(field < FAKE_VMCS_FIELDS, "VMWRITE to no field");
	demand((field >> 10 & 3) != 1, "VMWRITE to what an exit reports");
	fake_vmcs[field] = val;
	fake_vmcs_writes[field]++;
}

bool invvpid(enum invvpid_type type, uint16_t vpid, uint64_t va)
{
	if (type == INVVPID_ADDRESS && fake_narrow && !is_canonical(va, LINEAR_BITS_4LEVEL))
		return true;
	demand(vpid != 0, "INVVPID of the host's");
	demand(type != INVVPID_ADDRESS || is_canonical(va, fake_linear_bits),
	       "INVVPID of an address that is not canonical");
	fake_invvpids++;
	fake_invvpid_type = type;
	fake_invvpid_vpid = vpid;
	fake_invvpid_va = va;
	return false;
}

void vmx_host_nmi(void)
{
	fake_host_nmis++;
}

uint64_t *fake_msr_at(uint32_t msr)
{
	for (unsigned i = 0; i < ARRAY_SIZE(fake_msr); i++) {
		if (!msr_number[i])
			msr_number[i] = msr;
		if (msr_number[i] == msr)
			return &fake_msr[i];
	}
	demand(false, "too many MSRs");
	return NULL;
}

uint64_t fake_rdmsr(uint32_t msr)
{
	return *fake_msr_at(msr);
}

void fake_wrmsr(uint32_t msr, uint64_t val)
{
	*fake_msr_at(msr) = val;
}

int fake_wrmsr_safe(uint32_t msr, uint64_t val)
{
	if (msr == MSR_SFMASK && val >> 32)
		return -EIO;
	if (msr == MSR_LSTAR && fake_narrow && !is_canonical(val, LINEAR_BITS_4LEVEL))
		return -EIO;
	fake_wrmsr(msr, val);
	return 0;
}

uint64_t fake_read_cr2(void)
{
	return fake_cr2;
}

void fake_write_cr2(uint64_t val)
{
	fake_cr2 = val;
	fake_cr2_writes++;
}

uint64_t fake_read_dr6(void)
{
	return fake_dr6;
}

void fake_write_dr6(uint64_t val)
{
	fake_dr6 = val;
}

void fake_irq_window(void)
{
	fake_irq_windows++;
}

struct percpu *fake_this_cpu(void)
{
	return &fake_cpu;
}
