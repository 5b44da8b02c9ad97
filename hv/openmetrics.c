/* SPDX-License-Identifier: MIT */
/*
 * The key o: the counters as OpenMetrics 1.0 text. The same numbers as the keys y and e show,
 * by vCPU; to a collector a cleared counter is one that restarted.
 *
 * The samples of a metric family must stand together, so the loop over vCPUs is inside.
 * Names of guests are letters, digits, '-', '_' and '.' (hv/guest_config.h): no escapes.
 *
 * Run loop only, so the scratch data need no lock.
 */
#include "drivers/host/lapic.h"
#include "hv/irq.h"
#include "hv/line.h"
#include "hv/page.h"
#include "hv/print.h"
#include "hv/stats.h"
#include "hv/timer.h"

/* Bucket bounds as OpenMetrics writes canonical numbers, in seconds. Ours hold what is less
 * than the bound, `le` says less or equal: the difference is one TSC tick. */
static const char *const bound[MMU_NR_BUCKETS] = {
	"2e-06", "3e-06", "4e-06", "8e-06", "1.6e-05", "3.2e-05", "6.4e-05", "+Inf",
};

static struct stat_set set;
static struct line sample; /* that is being put together */

static void family(const char *name, const char *type, const char *unit, const char *help)
{
	printk("# TYPE %s %s\n", name, type);
	if (unit)
		printk("# UNIT %s %s\n", name, unit);
	printk("# HELP %s %s\n", name, help);
}

/* The beginning of a sample: name{guest="...",vcpu="...",key="value" */
static void begin(const char *name, const struct vm *vm, unsigned vcpu, const char *key,
		  const char *value)
{
	line_add(&sample, "%s{guest=\"%s\",vcpu=\"%u\"", name, vm->config.name, vcpu);
	if (key)
		line_add(&sample, ",%s=\"%s\"", key, value);
}

static void end_count(uint64_t n)
{
	line_add(&sample, "} %lu", n);
	line_print(&sample);
}

static void end_seconds(uint64_t ticks)
{
	uint64_t ns = tsc_to_ns(ticks);

	line_add(&sample, "} %lu.%09lu", (ns / NSEC_PER_SEC), (ns % NSEC_PER_SEC));
	line_print(&sample);
}

static void op_histogram(const struct vm *vm, unsigned vcpu)
{
	for (unsigned i = 0; i < MMU_NR_OPS; i++) {
		const struct mmu_op_stat *o = &set.mmu.op[i];
		uint64_t n = 0;

		for (unsigned b = 0; b < MMU_NR_BUCKETS; b++) {
			n += o->bucket[b];
			begin("xihv_shadow_op_seconds_bucket", vm, vcpu, "op", mmu_op_name[i]);
			line_add(&sample, ",le=\"%s\"", bound[b]);
			end_count(n);
		}
		begin("xihv_shadow_op_seconds_count", vm, vcpu, "op", mmu_op_name[i]);
		end_count(n);
		begin("xihv_shadow_op_seconds_sum", vm, vcpu, "op", mmu_op_name[i]);
		end_seconds(o->ticks);
	}
}

static void shadow_events(const struct vm *vm, unsigned vcpu)
{
	for (unsigned i = 0; i < MMU_NR_COUNTERS; i++) {
		begin("xihv_shadow_events_total", vm, vcpu, "event", mmu_counter_name[i]);
		end_count(set.mmu.count[i]);
	}
}

static void exits(const struct vm *vm, unsigned vcpu)
{
	for (unsigned i = 0; i < NR_EXIT_REASONS; i++) {
		begin("xihv_exits_total", vm, vcpu, "reason", exit_name[i]);
		end_count(set.exits.count[i]);
	}
}

static void exit_seconds(const struct vm *vm, unsigned vcpu)
{
	for (unsigned i = 0; i < NR_EXIT_REASONS; i++) {
		begin("xihv_exit_seconds_total", vm, vcpu, "reason", exit_name[i]);
		end_seconds(set.exits.ticks[i]);
	}
}

static void page_fault_exits(const struct vm *vm, unsigned vcpu)
{
	begin("xihv_page_fault_exits_total", vm, vcpu, NULL, NULL);
	end_count(set.exits.raw_page_faults);
}

static void profile_ticks(const struct vm *vm, unsigned vcpu)
{
	begin("xihv_profile_ticks_total", vm, vcpu, NULL, NULL);
	end_count(set.ticks.total);
}

static void profile_in_op(const struct vm *vm, unsigned vcpu)
{
	for (unsigned i = 0; i < MMU_NR_OPS; i++) {
		begin("xihv_profile_in_op_ticks_total", vm, vcpu, "op", mmu_op_name[i]);
		end_count(set.ticks.in_op[i]);
	}
}

static void profile_locked(const struct vm *vm, unsigned vcpu)
{
	for (unsigned i = 0; i < MMU_NR_OPS; i++) {
		begin("xihv_profile_locked_ticks_total", vm, vcpu, "op", mmu_op_name[i]);
		end_count(set.ticks.locked[i]);
	}
}

static void each_vcpu(void (*show)(const struct vm *vm, unsigned vcpu))
{
	for (unsigned i = 0; i < nr_vms; i++)
		for (unsigned j = 0; j < vms[i]->config.vcpus; j++) {
			stats_of_vcpu(vms[i], j, &set);
			show(vms[i], j);
		}
}

static void shadow_families(void)
{
	family("xihv_shadow_op_seconds", "histogram", "seconds",
	       "Duration of operations of the shadow MMU.");
	each_vcpu(op_histogram);
	family("xihv_shadow_events", "counter", NULL, "Outcomes that the shadow MMU decided.");
	each_vcpu(shadow_events);
	family("xihv_profile_ticks", "counter", NULL, "Timer ticks while the vCPU was loaded.");
	each_vcpu(profile_ticks);
	family("xihv_profile_in_op_ticks", "counter", NULL,
	       "Timer ticks that were due inside an operation of the shadow MMU.");
	each_vcpu(profile_in_op);
	family("xihv_profile_locked_ticks", "counter", NULL,
	       "Of these, those that found it waiting for the shadow lock or holding it.");
	each_vcpu(profile_locked);
}

static void exit_families(void)
{
	family("xihv_exits", "counter", NULL, "Exits from the guest.");
	each_vcpu(exits);
	family("xihv_exit_seconds", "counter", "seconds", "Time from exit to the next entry.");
	each_vcpu(exit_seconds);
	family("xihv_page_fault_exits", "counter", NULL,
	       "Page-fault exits as the processor's back end counts them.");
	each_vcpu(page_fault_exits);
}

static void guest_families(void)
{
	family("xihv_guest_running", "gauge", NULL, "1: the guest runs; 0: it does not.");
	for (unsigned i = 0; i < nr_vms; i++)
		printk("xihv_guest_running{guest=\"%s\"} %d\n", vms[i]->config.name,
		       vms[i]->state == VM_RUNNING);
	family("xihv_guest_memory_bytes", "gauge", "bytes", "RAM that the guest sees.");
	for (unsigned i = 0; i < nr_vms; i++)
		printk("xihv_guest_memory_bytes{guest=\"%s\"} %lu\n", vms[i]->config.name,
		       vms[i]->config.mem);
}

static void host_families(void)
{
	family("xihv_memory_bytes", "gauge", "bytes", "RAM that the hypervisor manages.");
	printk("xihv_memory_bytes %lu\n", (pages_total() * PAGE_SIZE));
	family("xihv_memory_free_bytes", "gauge", "bytes", "Of this, what is free.");
	printk("xihv_memory_free_bytes %lu\n", (pages_free() * PAGE_SIZE));
	family("xihv_unclaimed_interrupts", "counter", NULL, "Interrupts that nobody expected.");
	printk("xihv_unclaimed_interrupts_total %lu\n", irqs_unclaimed());
	family("xihv_lapic_errors", "counter", NULL, "Errors that the local APIC reported.");
	printk("xihv_lapic_errors_total %lu\n", lapic_errors());
	family("xihv_uptime_seconds", "gauge", "seconds", "Time since the hypervisor started.");
	printk("xihv_uptime_seconds %lu\n", (clock_ns() / NSEC_PER_SEC));
}

void stats_key_openmetrics(char key)
{
	(void)key;
	shadow_families();
	exit_families();
	guest_families();
	host_families();
	printk("# EOF\n");
}
