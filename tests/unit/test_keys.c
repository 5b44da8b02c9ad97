/* SPDX-License-Identifier: MIT */
/* The keys of the hypervisor's console. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hv/console.h"
#include "hv/keys.h"
#include "hv/timer.h"
#include "tests/unit/fake_uart.h"
#include "tests/unit/fake_vms.h"
#include "tests/unit/host_print.h"

static int two_guests(void **state)
{
	(void)state;
	fake_vms_clear();
	fake_vm_add("deb64");
	fake_vm_add("deb32");
	return 0;
}

static const char *press(char key)
{
	host_printk_clear();
	keys_press((uint8_t)key);
	return host_printk_buf;
}

static void help_has_a_line_for_every_key(void **state)
{
	static const char keys[] = "hyYeEtogrmsaXdDknfFpNqQ";
	char line[8];

	(void)state;
	press('h');
	for (const char *k = keys; *k; k++) {
		snprintf(line, sizeof(line), "  %c  ", *k);
		assert_non_null(strstr(host_printk_buf, line));
	}
	assert_string_equal(press('?'), "h for help\n");
	assert_string_equal(press('\0'), "h for help\n");
	assert_string_equal(press((char)0xff), "h for help\n");
}

static void kill_asks_which(void **state)
{
	(void)state;
	assert_string_equal(press('k'),
			    "kill which guest? 1 deb64, 2 deb32 (any other key: none)\n");
	press('2');
	assert_ptr_equal(fake_killed, vms[1]);
	assert_int_equal(fake_stops_at_kill, 1); /* nothing else ran */
	assert_int_equal(fake_stops, 0);
	fake_killed = NULL;
	press('k');
	assert_string_equal(press('3'), "none\n");
	assert_null(fake_killed);
	assert_string_equal(press('3'), "h for help\n"); /* a question is asked once */
	vms[0]->state = VM_ENDED;
	assert_string_equal(press('k'), "kill which guest? 2 deb32 (any other key: none)\n");
	assert_string_equal(press('1'), "none\n");
	vms[1]->state = VM_ENDED;
	assert_string_equal(press('k'), "no guest to kill\n");
}

static void start_asks_which(void **state)
{
	(void)state;
	assert_string_equal(press('n'), "no guest to start\n");
	vms[0]->state = VM_ENDED;
	assert_string_equal(press('n'), "start which guest? 1 deb64 (any other key: none)\n");
	press('1');
	assert_ptr_equal(fake_restarted, vms[0]);
}

static void recorder_is_started_dumped_and_stopped(void **state)
{
	(void)state;
	assert_string_equal(press('f'), "no guest to dump the flight recorder of\n");
	press('F');
	assert_string_equal(press('2'), "deb32: flight recorder on\n");
	assert_string_equal(
		press('f'),
		"dump the flight recorder of which guest? 2 deb32 (any other key: none)\n");
	assert_string_equal(press('2'), "deb32: flight recorder: 1 records\nmmu-rec 00\n"
					"deb32: flight recorder: end of 1 records\n");
	press('F');
	assert_string_equal(press('2'), "deb32: flight recorder off\n");
	assert_string_equal(press('f'), "no guest to dump the flight recorder of\n");
}

static void guests_are_shown(void **state)
{
	(void)state;
	vms[1]->state = VM_ENDED;
	strcpy(vms[1]->end_reason, "powered itself off");
	vms[0]->rom_writes = 3;
	fake_now += 3661 * NSEC_PER_SEC;
	press('g');
	assert_non_null(strstr(host_printk_buf,
			       " 1 deb64           running        1      512  xi       1:01:01\n"));
	assert_non_null(strstr(host_printk_buf, "powered itself off\n"));
	assert_non_null(strstr(host_printk_buf, "writes to ROM 3,"));
}

static void registers_are_shown(void **state)
{
	(void)state;
	vms[0]->vcpu[0]->regs.rip = 0xffffffff81001234;
	vms[0]->vcpu[0]->regs.gpr[REG_R15] = 0x1515;
	press('r');
	assert_non_null(strstr(host_printk_buf, "deb64 vCPU 0, runnable, CPL 3\n"));
	assert_non_null(strstr(host_printk_buf, "rip ffffffff81001234"));
	assert_non_null(strstr(host_printk_buf, "r15 0000000000001515"));
	assert_non_null(strstr(host_printk_buf, "  cs   0008 base "));
	assert_non_null(strstr(host_printk_buf, "  gdt       base ffffffff81000000 limit 007f\n"));
}

static void memory_is_shown(void **state)
{
	(void)state;
	press('m');
	assert_non_null(strstr(host_printk_buf, "16 MiB managed, 4 MiB free, 12288 KiB in use\n"));
	assert_non_null(strstr(host_printk_buf, "deb32: RAM 512 MiB\n"));
	assert_non_null(strstr(host_printk_buf, "  vCPU 0: 512 shadow pages, 12 in use\n"));
}

static void summary_is_shown(void **state)
{
	(void)state;
	fake_summary = (struct mmu_summary){ .pages = { [1] = 30, [2] = 7, [4] = 1 },
					     .pool = 1024,
					     .unused = 986,
					     .direct = 5,
					     .oos = 3,
					     .roots = 1,
					     .leaves = 4000,
					     .writable = 900,
					     .large = 12,
					     .global = 80,
					     .tracked = 33 };
	vms[0]->mmu.config.without = MMU_OPT_LARGE | MMU_OPT_WINDOW;
	vms[1]->state = VM_ENDED;
	assert_string_equal(press('s'),
			    "deb64: engine xi, without large+window\n"
			    "  pool      1024 shadow pages, 38 in use\n"
			    "  tables    level 1: 30, level 2: 7, level 4: 1, direct: 5, "
			    "out of sync: 3, roots in use: 1\n"
			    "  leaves    4000, writable: 900, large: 12, global: 80\n"
			    "  tracked   33 guest frames hold shadowed tables\n");
	vms[0]->state = VM_ENDED;
	assert_string_equal(press('s'), "no guest is running\n");
}

static void audit_says_what_it_found(void **state)
{
	(void)state;
	fake_audit = (struct mmu_audit){ .pages = 38, .entries = 4100 };
	assert_string_equal(press('a'), "deb64: audit: clean, 38 pages, 4100 entries\n"
					"deb32: audit: clean, 38 pages, 4100 entries\n");
	vms[1]->state = VM_ENDED;
	fake_audit.errors = 2;
	fake_audit.invariant = 7;
	fake_audit.what = "an entry in no list";
	fake_audit.detail[0] = 0x1234;
	fake_audit.detail[1] = 511;
	fake_audit.detail[2] = 0x8000000000001067;
	assert_string_equal(
		press('a'),
		"deb64: audit: 2 violations in 38 pages, 4100 entries; the first, of I7: "
		"an entry in no list (gfn 0x1234, index 511, value "
		"0x8000000000001067)\n");
	fake_audit.detail[0] = ~UINT64_C(0);
	assert_non_null(strstr(press('a'), "in no list (index 511, value"));
}

static void engines_are_switched_in_turn(void **state)
{
	(void)state;
	assert_string_equal(press('X'), "switch the shadow engine of which guest? 1 deb64, 2 deb32 "
					"(any other key: none)\n");
	assert_string_equal(press('2'), "deb32: mmu=xi before, mmu=vtlb from now on\n");
	assert_string_equal(vms[0]->mmu.config.engine, "xi");
	press('g');
	assert_non_null(strstr(host_printk_buf, "512  vtlb "));
	press('X');
	assert_string_equal(press('2'), "deb32: mmu=vtlb before, mmu=xi from now on\n");
	fake_mmu_error = -12;
	press('X');
	assert_string_equal(press('1'),
			    "deb64: too little memory for mmu=vtlb, it goes on with mmu=xi\n");
	assert_string_equal(vms[0]->mmu.config.engine, "xi");
	vms[0]->state = vms[1]->state = VM_ENDED;
	assert_string_equal(press('X'), "no guest to switch the shadow engine of\n");
}

static void dirty_log_is_started_shown_and_stopped(void **state)
{
	(void)state;
	vms[1]->state = VM_ENDED;
	assert_string_equal(press('d'), "deb64: dirty log off, D starts it\n");
	assert_string_equal(press('D'), "start or stop the dirty log of which guest? 1 deb64 "
					"(any other key: none)\n");
	fake_mmu_error = -12;
	assert_string_equal(press('1'), "deb64: too little memory for a dirty log\n");
	fake_mmu_error = 0;
	press('D');
	assert_string_equal(press('1'), "deb64: dirty log started\n");
	fake_now += 1250 * NSEC_PER_MSEC;
	fake_dirty_frames = 1000;
	assert_string_equal(press('d'), "deb64: 1000 frames written, 3.9 MiB in 1.250 s\n");
	fake_now += 2 * NSEC_PER_SEC;
	fake_dirty_frames = 0;
	assert_string_equal(press('d'), "deb64: 0 frames written, 0.0 MiB in 2.000 s\n");
	press('D');
	assert_string_equal(press('1'), "deb64: dirty log stopped\n");
	assert_string_equal(press('d'), "deb64: dirty log off, D starts it\n");
}

static void top_shows_a_second(void **state)
{
	struct vcpu *v = vms[0]->vcpu[0];

	(void)state;
	press('t');
	v->exits.count[EXIT_PAGE_FAULT] = 500;
	v->exits.ticks[EXIT_PAGE_FAULT] = 250 * NSEC_PER_MSEC;
	v->exits.count[EXIT_HLT] = 1;
	v->exits.ticks[EXIT_HLT] = 700 * NSEC_PER_MSEC; /* asleep, not at work */
	v->mmu.stats.op[MMU_OP_PFAULT] =
		(struct mmu_op_stat){ .bucket = { 500 }, .ticks = 500 * 2430 };
	host_printk_clear();
	fake_pass(NSEC_PER_SEC);
	assert_non_null(strstr(host_printk_buf,
			       "\n"
			       "deb64                  501        500        2.43      25.0%\n"));
	host_printk_clear();
	fake_pass(NSEC_PER_SEC);
	assert_non_null(strstr(host_printk_buf,
			       "\n"
			       "deb64                    0          0        0.00       0.0%\n"));
	press('t');
	host_printk_clear();
	fake_pass(NSEC_PER_SEC);
	assert_string_equal(host_printk_buf, "");
}

static void background_is_toggled(void **state)
{
	(void)state;
	assert_non_null(strstr(press('p'), "hidden"));
	assert_non_null(strstr(press('p'), "shown"));
}

static void q_powers_off(void **state)
{
	(void)state;
	host_printk_clear();
	if (!setjmp(fake_poweroff)) {
		keys_press('q');
		fail();
	}
	assert_string_equal(host_printk_buf, "powering off\n");
}

static void capital_q_restarts(void **state)
{
	int how;

	(void)state;
	host_printk_clear();
	how = setjmp(fake_poweroff);
	if (!how) {
		keys_press('Q');
		fail();
	}
	assert_int_equal(how, 2);
	assert_string_equal(host_printk_buf, "restarting the machine\n");
}

#define guests_test(f) cmocka_unit_test_setup(f, two_guests)

int main(void)
{
	const struct CMUnitTest tests[] = {
		guests_test(help_has_a_line_for_every_key),
		guests_test(kill_asks_which),
		guests_test(start_asks_which),
		guests_test(recorder_is_started_dumped_and_stopped),
		guests_test(guests_are_shown),
		guests_test(registers_are_shown),
		guests_test(memory_is_shown),
		guests_test(summary_is_shown),
		guests_test(audit_says_what_it_found),
		guests_test(engines_are_switched_in_turn),
		guests_test(dirty_log_is_started_shown_and_stopped),
		guests_test(top_shows_a_second),
		guests_test(background_is_toggled),
		guests_test(q_powers_off),
		guests_test(capital_q_restarts),
	};

	return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
