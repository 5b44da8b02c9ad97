/* SPDX-License-Identifier: MIT */
/*
 * The keys of the hypervisor's console: one table. Boot CPU's run loop only, and the other CPUs
 * stand still meanwhile; so no lock.
 */
#include "hv/keys.h"

#include "hv/console.h"
#include "hv/inspect.h"
#include "hv/line.h"
#include "hv/nmi.h"
#include "hv/power.h"
#include "hv/print.h"
#include "hv/shadow.h"
#include "hv/smp.h"
#include "hv/stats.h"

static void help(char key);

/* A key asked which guest: the next one says it. fn NULL: no question is open. */
static struct question {
	bool (*may)(const struct vm *vm);
	void (*fn)(struct vm *vm);
} question;

/* --- which guest? ------------------------------------------------------------------- */

static bool is_running(const struct vm *vm)
{
	return vm->state == VM_RUNNING;
}

static bool is_alive(const struct vm *vm)
{
	return vm->state == VM_RUNNING || vm->state == VM_STARTING;
}

static bool has_ended(const struct vm *vm)
{
	return vm->state == VM_ENDED;
}

/* Guests are called by their numbers: one digit holds VM_MAX. */
_Static_assert(VM_MAX <= 9, "one digit");

static void ask(const char *what, bool (*may)(const struct vm *vm), void (*fn)(struct vm *vm))
{
	struct line l = { .len = 0 };
	bool some = false;

	line_add(&l, "%s which guest?", what);
	for (unsigned i = 0; i < nr_vms; i++) {
		if (!may(vms[i]))
			continue;
		line_add(&l, "%s %u %s", some ? "," : "", vms[i]->id, vms[i]->config.name);
		some = true;
	}
	if (!some) {
		printk("no guest to %s\n", what);
		return;
	}
	line_add(&l, " (any other key: none)");
	line_print(&l);
	question.may = may;
	question.fn = fn;
}

static void take_answer(char key)
{
	const struct question q = question;

	question.fn = NULL;
	for (unsigned i = 0; i < nr_vms; i++)
		if (vms[i]->id == (unsigned)(key - '0') && q.may(vms[i])) {
			q.fn(vms[i]);
			return;
		}
	printk("none\n");
}

/* --- a guest's shadows -------------------------------------------------------------- */

static void switch_engine(char key)
{
	(void)key;
	ask("switch the shadow engine of", is_running, shadow_switch_engine);
}

static void toggle_dirty(char key)
{
	(void)key;
	ask("start or stop the dirty log of", is_running, shadow_toggle_dirty);
}

/* --- kill a guest, start it again --------------------------------------------------- */

static void kill_chosen(struct vm *vm)
{
	vm_poweroff(vm, "killed from the console");
}

static void start_chosen(struct vm *vm)
{
	if (vm_restart(vm))
		printk("%s: could not be started again\n", vm->config.name);
}

static void kill_guest(char key)
{
	(void)key;
	ask("kill", is_alive, kill_chosen);
}

static void start_guest(char key)
{
	(void)key;
	ask("start", has_ended, start_chosen);
}

/* --- the flight recorder -------------------------------------------------------------- */

#define RECORDER_BYTES (256 * 1024) /* a vCPU: at 115200 baud a dump takes a minute */

static bool is_recorded(const struct vm *vm)
{
	return vm->state == VM_RUNNING && mmu_record_is_on(&vm->mmu);
}

static void print_record(const char *text, void *arg)
{
	(void)arg;
	printk("%s\n", text);
}

static void dump_chosen(struct vm *vm)
{
	const char *name = vm->config.name;

	printk("%s: flight recorder: %lu records\n", name, mmu_record_dump(&vm->mmu, NULL, NULL));
	printk("%s: flight recorder: end of %lu records\n", name,
	       mmu_record_dump(&vm->mmu, print_record, NULL));
}

static void record_chosen(struct vm *vm)
{
	if (mmu_record_is_on(&vm->mmu)) {
		mmu_record_stop(&vm->mmu);
		printk("%s: flight recorder off\n", vm->config.name);
	} else if (mmu_record_start(&vm->mmu, RECORDER_BYTES)) {
		printk("%s: no memory for the flight recorder\n", vm->config.name);
	} else {
		printk("%s: flight recorder on\n", vm->config.name);
	}
}

static void dump_recorder(char key)
{
	(void)key;
	ask("dump the flight recorder of", is_recorded, dump_chosen);
}

static void toggle_recorder(char key)
{
	(void)key;
	ask("start or stop the flight recorder of", is_running, record_chosen);
}

/* --- small ones --------------------------------------------------------------------- */

static void restart(char key)
{
	(void)key;
	printk("restarting the machine\n");
	machine_reset();
}

static void power_off(char key)
{
	(void)key;
	printk("powering off\n");
	machine_poweroff();
}

static void toggle_background(char key)
{
	(void)key;
	printk("output of guests that don't hold the input: %s\n",
	       console_toggle_background() ? "shown" : "hidden");
}

/* --- the table ----------------------------------------------------------------------- */

static const struct console_key table[] = {
	{ 'h', help, "this help" },
	{ 'y', stats_key_show_shadow, "shadow statistics" },
	{ 'Y', stats_key_clear_shadow, "clear the shadow statistics" },
	{ 'e', stats_key_show_exits, "exits by reason and vCPU" },
	{ 'E', stats_key_clear_exits, "clear the exit statistics" },
	{ 't', stats_key_top, "live top view, once a second; again ends it" },
	{ 'o', stats_key_openmetrics, "the counters as OpenMetrics text" },
	{ 'g', inspect_key_guests, "guests" },
	{ 'r', inspect_key_registers, "registers of all vCPUs" },
	{ 'm', inspect_key_memory, "memory and shadow pools" },
	{ 's', shadow_key_summary, "shadow tables and entries" },
	{ 'a', shadow_key_audit, "audit the shadows" },
	{ 'X', switch_engine, "switch a guest to the next shadow engine; it goes on running" },
	{ 'd', shadow_key_dirty, "frames written since the latest d, by the dirty log" },
	{ 'D', toggle_dirty, "start or stop a guest's dirty log" },
	{ 'k', kill_guest, "kill a guest" },
	{ 'n', start_guest, "start a guest again that has ended" },
	{ 'F', toggle_recorder, "start or stop the flight recorder of a guest" },
	{ 'f', dump_recorder, "dump the flight recorder of a guest" },
	{ 'p', toggle_background, "hide or show the output of guests without the input" },
	{ 'N', nmi_key_send, "send this processor an NMI and say where it hit" },
	{ 'q', power_off, "end everything and power off" },
	{ 'Q', restart, "end everything and restart the machine" },
};

static void help(char key)
{
	(void)key;
	for (unsigned i = 0; i < ARRAY_SIZE(table); i++)
		printk("  %c  %s\n", table[i].key, table[i].help);
	printk("  ^a^a^a  the input goes to the next console\n");
}

static void press(uint8_t c)
{
	if (question.fn) {
		take_answer((char)c);
		return;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].key == (char)c) {
			table[i].fn((char)c);
			return;
		}
	if (c == '\r' || c == '\n')
		printk("\n"); /* some like to space their screen */
	else
		printk("h for help\n");
}

void keys_press(uint8_t c)
{
	smp_stop_others();
	vm_reap(); /* so that no guest is between two states */
	press(c);
	smp_resume_others();
}
