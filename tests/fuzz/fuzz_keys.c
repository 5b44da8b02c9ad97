// SPDX-License-Identifier: MIT
/*
 * The keys of the hypervisor's console (hv/keys.c and all that they show), with up to eight
 * guests that run or have ended.
 *
 *  K1  A guest is ended only by `k` and its number while it runs, started only by `n` and its
 *      number while it has ended; any other answer is none.
 *  K2  The machine is switched off by `q`, restarted by `Q`, where no question is open, and by
 *      nothing else.
 *  K3  Each key is answered by text that is printable and whole lines.
 */
#include <assert.h>
#include <string.h>

#include "hv/console.h"
#include "hv/keys.h"
#include "hv/timer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_uart.h"
#include "tests/unit/fake_vms.h"
#include "tests/unit/host_print.h"

enum question { ASKED_NOTHING, ASKED_KILL, ASKED_START, ASKED_OTHER };
enum { LEFT_OFF = 1 }; /* what machine_poweroff()'s fake jumps with; restart: another */

#define KEEP_PRESSING 200 /* keys a run */

static enum question asked;
static uint8_t latest; /* key; static because a jump comes back behind it */
static bool top; /* the live view runs */

static void hear(const char *text, size_t n)
{
	assert(n > 0);
	for (size_t i = 0; i < n; i++)
		assert((text[i] >= ' ' && text[i] <= '~') || text[i] == '\n');
}

static bool any(enum vm_state state)
{
	for (unsigned i = 0; i < nr_vms; i++)
		if (vms[i]->state == state)
			return true;
	return false;
}

static bool any_recorded(void)
{
	for (unsigned i = 0; i < nr_vms; i++)
		if (vms[i]->state == VM_RUNNING && mmu_record_is_on(&vms[i]->mmu))
			return true;
	return false;
}

/* What the next key answers if `key` is a command. */
static enum question question_of(uint8_t key)
{
	switch (key) {
	case 'k':
		return any(VM_RUNNING) ? ASKED_KILL : ASKED_NOTHING;
	case 'n':
		return any(VM_ENDED) ? ASKED_START : ASKED_NOTHING;
	case 'X':
	case 'D':
	case 'F':
		return any(VM_RUNNING) ? ASKED_OTHER : ASKED_NOTHING;
	case 'f':
		return any_recorded() ? ASKED_OTHER : ASKED_NOTHING;
	default:
		return ASKED_NOTHING;
	}
}

/* K1: whom the answer means, if anybody. */
static struct vm *meant(uint8_t key, enum vm_state state)
{
	unsigned n = key - '1';

	return n < nr_vms && vms[n]->state == state ? vms[n] : NULL;
}

static void press(uint8_t key)
{
	enum question was = asked;

	latest = key;
	top ^= was == ASKED_NOTHING && key == 't';
	fake_killed = fake_restarted = NULL;
	host_printk_clear();
	asked = was == ASKED_NOTHING ? question_of(key) : ASKED_NOTHING;
	keys_press(key);
	assert(was != ASKED_NOTHING || (key != 'q' && key != 'Q')); /* K2 */
	assert(fake_killed == (was == ASKED_KILL ? meant(key, VM_RUNNING) : NULL));
	assert(fake_restarted == (was == ASKED_START ? meant(key, VM_ENDED) : NULL));
	assert(fake_killed || fake_restarted || *host_printk_buf || key == 't'); /* K3 */
	assert(!*host_printk_buf || host_printk_buf[strlen(host_printk_buf) - 1] == '\n');
}

static void make_guests(struct input *in)
{
	static const char *const names[] = { "a", "deb64", "deb32",	      "x",
					     "y", "z",	   "long-name-15-ch", "h" };
	unsigned n = (unsigned)take(in, 1) % (VM_MAX + 1);

	fake_vms_clear();
	for (unsigned i = 0; i < n; i++) {
		struct vm *vm = fake_vm_add(names[i]);
		uint64_t how = take(in, 1);

		if (how & 1)
			vm->state = VM_ENDED;
		vm->vcpu[0]->regs.rip = how * UINT64_C(0x123456789);
		vm->vcpu[0]->exits.count[how % NR_EXIT_REASONS] = how << (how % 48);
	}
}

static void press_all(struct input *in)
{
	for (unsigned keys = 0; in->left && keys < KEEP_PRESSING; keys++) {
		press((uint8_t)take(in, 1));
		fake_pass(latest * 10 * NSEC_PER_MSEC);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	print_set_sink(hear);
	make_guests(&in);
	asked = ASKED_NOTHING;
	switch (setjmp(fake_poweroff)) {
	case 0:
		press_all(&in);
		break;
	case LEFT_OFF:
		assert(latest == 'q'); /* K2 */
		break;
	default:
		assert(latest == 'Q');
	}
	if (asked != ASKED_NOTHING)
		press('-');
	if (top)
		press('t');
	return 0;
}
