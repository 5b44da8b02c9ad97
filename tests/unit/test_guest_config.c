/* SPDX-License-Identifier: MIT */
/* Module lines and xihv's own line: what is taken, and every mistake with its message. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "hv/guest_config.h"
#include "mmu/mmu.h"
#include "tests/unit/host_print.h"

static struct boot_info bi;
static struct guest_config out[VM_MAX];

const char *mmu_engine_name(unsigned i)
{
	static const char *const names[] = { "vtlb", "xi", NULL };

	return names[i];
}

static void line(const char *text)
{
	struct boot_module *m = &bi.module[bi.nr_modules++];

	memset(m, 0, sizeof(*m));
	m->start = HPA(0x1000000 + bi.nr_modules * 0x1000);
	m->size = 100;
	snprintf(m->line, sizeof(m->line), "%s", text);
}

static unsigned parse(void)
{
	memset(out, 0xee, sizeof(out));
	host_printk_clear();
	return guest_config_parse(out, &bi);
}

/* One bad line beside a good guest: the message, and the good guest alone remains. */
static void bad(const char *text, const char *message)
{
	memset(&bi, 0, sizeof(bi));
	line("kernel vm=good mem=64M");
	line(text);
	assert_int_equal(parse(), 1);
	assert_string_equal(out[0].name, "good");
	if (!strstr(host_printk_buf, message))
		print_error("wanted: %s\ngot:    %s\n", message, host_printk_buf);
	assert_non_null(strstr(host_printk_buf, message));
}

static int reset(void **state)
{
	(void)state;
	memset(&bi, 0, sizeof(bi));
	return 0;
}

static void full_line(void **state)
{
	(void)state;
	line("kernel vm=deb64 mem=512M vcpus=4 mmu=xi debugexit -- console=ttyS0  -- x ");
	line("initrd vm=deb64");
	assert_int_equal(parse(), 1);
	assert_string_equal(host_printk_buf, "");
	assert_string_equal(out[0].name, "deb64");
	assert_int_equal(out[0].mem, 512u << 20);
	assert_int_equal(out[0].vcpus, 4);
	assert_string_equal(out[0].engine, "xi");
	assert_true(out[0].debugexit);
	assert_string_equal(out[0].kernel.args, "console=ttyS0  -- x ");
	assert_ptr_equal(out[0].kernel.file, &bi.module[0]);
	assert_ptr_equal(out[0].initrd.file, &bi.module[1]);
	assert_int_equal(out[0].nr_modules, 0);
}

static void defaults(void **state)
{
	(void)state;
	line("  kernel\tmem=8M   vm=a_.-Z9  ");
	assert_int_equal(parse(), 1);
	assert_string_equal(out[0].name, "a_.-Z9");
	assert_int_equal(out[0].vcpus, 1);
	assert_string_equal(out[0].engine, "");
	assert_false(out[0].debugexit);
	assert_string_equal(out[0].kernel.args, "");
	assert_null(out[0].initrd.file);
}

static void file_names_in_front(void **state)
{
	(void)state;
	line("/boot/vmlinuz kernel vm=a mem=64M -- x");
	line("initrd.img initrd vm=a");
	line("kernel kernel vm=b mem=64M");
	line("initrd module vm=b -- string of it");
	assert_int_equal(parse(), 2);
	assert_string_equal(host_printk_buf, "");
	assert_string_equal(out[0].kernel.args, "x");
	assert_ptr_equal(out[0].initrd.file, &bi.module[1]);
	assert_null(out[1].initrd.file);
	assert_int_equal(out[1].nr_modules, 1);
	assert_string_equal(out[1].module[0].args, "string of it");
}

static void sizes(void **state)
{
	static const struct {
		const char *word;
		uint64_t bytes;
	} t[] = {
		{ "512M", UINT64_C(512) << 20 },     { "1G", UINT64_C(1) << 30 },
		{ "65536K", UINT64_C(64) << 20 },    { "67108864", UINT64_C(64) << 20 },
		{ "0x4000000", UINT64_C(64) << 20 }, { "512G", UINT64_C(512) << 30 },
		{ "64m", UINT64_C(64) << 20 },	     { "8M", UINT64_C(8) << 20 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		char text[64];

		memset(&bi, 0, sizeof(bi));
		snprintf(text, sizeof(text), "kernel vm=a mem=%s", t[i].word);
		line(text);
		assert_int_equal(parse(), 1);
		assert_int_equal(out[0].mem, t[i].bytes);
	}
}

static void any_order(void **state)
{
	(void)state;
	line("initrd vm=late");
	line("module vm=other -- 1");
	line("kernel vm=late mem=64M");
	line("kernel vm=other mem=64M");
	line("module vm=other -- 2");
	assert_int_equal(parse(), 2);
	assert_string_equal(host_printk_buf, "");
	assert_ptr_equal(out[0].initrd.file, &bi.module[0]);
	assert_int_equal(out[1].nr_modules, 2);
	assert_string_equal(out[1].module[0].args, "1");
	assert_string_equal(out[1].module[1].args, "2");
}

static void bad_words(void **state)
{
	(void)state;
	bad("kernel vm=deb64 mem=12Q",
	    "xihv: module 2 \"kernel vm=deb64 mem=12Q\": word \"mem=12Q\": expected a size such as 512M\n"
	    "xihv: guest deb64 is left out\n");
	bad("kernel vm=x mem=", "word \"mem=\": expected a size such as 512M");
	bad("kernel vm=x mem=M", "word \"mem=M\": expected a size such as 512M");
	bad("kernel vm=x mem=-1", "word \"mem=-1\": expected a size such as 512M");
	bad("kernel vm=x mem=12MB", "word \"mem=12MB\": expected a size such as 512M");
	bad("kernel vm=x mem=18446744073709551616", "expected a size such as 512M");
	bad("kernel vm=x mem=99999999999999T", "expected a size such as 512M");
	bad("kernel vm=x mem=4M", "word \"mem=4M\": expected a size from 8M to 512G");
	bad("kernel vm=x mem=1T", "word \"mem=1T\": expected a size from 8M to 512G");
	bad("kernel vm=x mem=0", "expected a size from 8M to 512G");
	bad("kernel vm=x mem=65M", "word \"mem=65M\": expected a multiple of 2M");
	bad("kernel vm=x mem=64M vcpus=0", "word \"vcpus=0\": expected a number from 1 to 8");
	bad("kernel vm=x mem=64M vcpus=9", "word \"vcpus=9\": expected a number from 1 to 8");
	bad("kernel vm=x mem=64M vcpus=one", "word \"vcpus=one\": expected a number from 1 to 8");
	bad("kernel vm=x mem=64M mmu=ept", "word \"mmu=ept\": expected vtlb or xi");
	bad("kernel vm=x mem=64M mmu=", "word \"mmu=\": expected vtlb or xi");
	bad("kernel vm=x mem=64M quiet",
	    "word \"quiet\": expected vm=NAME, mem=SIZE, vcpus=N, mmu=ENGINE, without=OPTION+OPTION..., debugexit, or -- and");
	bad("kernel vm=x mem=64M debugexits", "word \"debugexits\": expected debugexit alone");
	bad("kernel vm=x mem=64M mem=64M", "word \"mem=64M\": expected it only once");
	bad("kernel vm= mem=64M", "word \"vm=\": expected a name of 1 to 15 letters");
	bad("kernel vm=a/b mem=64M", "word \"vm=a/b\": expected a name of 1 to 15 letters");
	bad("kernel vm=abcdefghijklmnop mem=64M", "expected a name of 1 to 15 letters");
	bad("initrd vm=x mem=64M", "word \"mem=64M\": expected vm=NAME and nothing else");
	bad("initrd vm=x -- a", "word \"--\": expected vm=NAME and nothing else");
	bad("module vm=x debugexit",
	    "word \"debugexit\": expected vm=NAME, or -- and the module's string");
}

static void missing_words(void **state)
{
	(void)state;
	bad("kernel mem=64M", "module 2 \"kernel mem=64M\": at its end: expected vm=NAME");
	bad("kernel vm=x",
	    "module 2 \"kernel vm=x\": at its end: expected mem=SIZE, for example mem=512M");
	bad("kernel vm=x -- mem=64M", "module 2 \"kernel vm=x\": at its end: expected mem=SIZE");
	bad("initrd", "at its end: expected vm=NAME");
	bad("module -- vm=good", "at its end: expected vm=NAME");
	bad("", "module 2 \"\": at its end: expected kernel, initrd or module");
	bad("   ", "at its end: expected kernel, initrd or module");
	bad("vm=x mem=64M", "word \"vm=x\": expected kernel, initrd or module");
	bad("/boot/a.img floppy vm=x", "word \"floppy\": expected kernel, initrd or module");
	bad("/boot/a.img", "at its end: expected kernel, initrd or module");
}

static void belongs_to_nobody(void **state)
{
	(void)state;
	bad("initrd vm=godo",
	    "module 2 \"initrd vm=godo\": there is no such guest: expected the vm= of a kernel");
	bad("module vm=godo", "there is no such guest");
	bad("kernel vm=good mem=128M",
	    "module 2 \"kernel vm=good mem=128M\": a kernel for this vm= was already given");
	assert_int_equal(out[0].mem, 64u << 20);
}

/* A mistake in any line of a guest costs that guest, and is told once. */
static void costs_its_guest(void **state)
{
	(void)state;
	line("kernel vm=a mem=64M");
	line("kernel vm=b mem=64M");
	line("kernel vm=c mem=1");
	line("initrd vm=a what");
	line("initrd vm=c");
	line("floppy vm=d");
	assert_int_equal(parse(), 1);
	assert_string_equal(out[0].name, "b");
	assert_non_null(strstr(host_printk_buf, "module 4 \"initrd vm=a what\": word \"what\""));
	assert_non_null(strstr(host_printk_buf, "guest a is left out"));
	assert_non_null(strstr(host_printk_buf, "guest c is left out"));
	assert_null(strstr(host_printk_buf, "module 5"));
	assert_null(strstr(host_printk_buf, "no such guest"));
}

static void unknown_role_costs_its_guest(void **state)
{
	(void)state;
	line("kernel vm=a mem=64M");
	line("disk vm=a");
	assert_int_equal(parse(), 0);
	assert_non_null(
		strstr(host_printk_buf, "word \"disk\": expected kernel, initrd or module"));
}

static void files(void **state)
{
	(void)state;
	line("kernel vm=a mem=64M");
	line("initrd vm=a");
	bi.module[1].size = 0;
	line("kernel vm=b mem=64M -- long");
	bi.module[2].line_cut = true;
	line("kernel vm=c mem=64M");
	line("initrd vm=c");
	line("initrd vm=c");
	assert_int_equal(parse(), 0);
	assert_non_null(
		strstr(host_printk_buf, "module 2 \"initrd vm=a\": its file is empty: expected"));
	assert_non_null(
		strstr(host_printk_buf,
		       "module 3 \"kernel vm=b mem=64M\": is too long: expected at most 1023"));
	assert_non_null(strstr(host_printk_buf,
			       "module 6 \"initrd vm=c\": its guest has an initrd already"));
}

static void too_many(void **state)
{
	char text[64];

	(void)state;
	bi.modules_dropped = 3;
	for (int i = 0; i < VM_MAX + 1; i++) {
		snprintf(text, sizeof(text), "kernel vm=g%d mem=64M", i);
		line(text);
	}
	assert_int_equal(parse(), VM_MAX);
	assert_non_null(strstr(host_printk_buf, "3 modules behind the first 32 were dropped"));
	assert_non_null(strstr(host_printk_buf,
			       "\"kernel vm=g8 mem=64M\": one guest too many: expected at most 8"));
	/* Lines that are wrong take no right one's place. */
	bi.modules_dropped = 0;
	strcpy(bi.module[0].line, "kernel vm=g0 mem=1");
	assert_int_equal(parse(), VM_MAX);
	assert_string_equal(out[0].name, "g1");
	assert_string_equal(out[VM_MAX - 1].name, "g8");
	assert_null(strstr(host_printk_buf, "too many"));
	memset(&bi, 0, sizeof(bi));
	line("kernel vm=a mem=64M");
	for (int i = 0; i < VM_MAX_MODULES + 1; i++)
		line("module vm=a");
	assert_int_equal(parse(), 0);
	assert_non_null(
		strstr(host_printk_buf, "one module too many for its guest: expected at most 16"));
}

/* What a boot menu holds may be anything; the message stays one printable line. */
static void hostile_text(void **state)
{
	char text[BOOT_LINE_MAX];

	(void)state;
	bad("kernel vm=\x1b[2J\x07 mem=64M", "\"kernel vm=?[2J? mem=64M\": word \"vm=?[2J?\"");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	bad(text, "x...\": word \"xxx");
	assert_true(strlen(host_printk_buf) < 500);
	for (unsigned n = 150; n < 170; n++) {
		memset(text, 'y', n);
		text[n] = '\0';
		bad(text, "expected kernel, initrd or module");
	}
}

static unsigned own(struct hv_config *c, const char *text)
{
	host_printk_clear();
	return hv_config_parse(c, text);
}

static void own_line(void **state)
{
	struct hv_config c;

	(void)state;
	assert_int_equal(own(&c, ""), 0);
	assert_int_equal(c.console_port, 0x3f8);
	assert_int_equal(c.console_baud, 115200);
	assert_int_equal(c.idle, IDLE_STAY);
	assert_int_equal(own(&c, "/boot/xihv.elf console=com2,9600 idle=poweroff"), 0);
	assert_int_equal(c.console_port, 0x2f8);
	assert_int_equal(c.console_baud, 9600);
	assert_int_equal(c.idle, IDLE_POWEROFF);
	assert_int_equal(own(&c, "console=0xe9f8 idle=stay"), 0);
	assert_int_equal(c.console_port, 0xe9f8);
	assert_int_equal(own(&c, "xihv.elf console=none"), 0);
	assert_int_equal(c.console_port, 0);
	assert_int_equal(own(&c, "build/a=b/xihv.elf"), 0);
	assert_string_equal(host_printk_buf, "");
}

static void own_line_mistakes(void **state)
{
	static const char *const t[][2] = {
		{ "idle=sleep",
		  "xihv: command line \"idle=sleep\": word \"idle=sleep\": expected stay or poweroff" },
		{ "console=com3",
		  "word \"console=com3\": expected com1, com2, a port such as 0x3f8, or none" },
		{ "console=0x0", "word \"console=0x0\": expected com1" },
		{ "console=0x10000", "word \"console=0x10000\": expected com1" },
		{ "console=1016", "word \"console=1016\": expected com1" },
		{ "console=com1,", "expected a rate that divides 115200" },
		{ "console=com1,0", "expected a rate that divides 115200" },
		{ "console=com1,115201", "expected a rate that divides 115200" },
		{ "console=com1,7000", "expected a rate that divides 115200" },
		{ "/x idel=stay", "word \"idel=stay\": expected console=" },
		{ "idle=stay quiet", "word \"quiet\": expected console=" },
	};
	struct hv_config c;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		assert_int_equal(own(&c, t[i][0]), 1);
		assert_non_null(strstr(host_printk_buf, t[i][1]));
		assert_int_equal(c.console_port, 0x3f8);
		assert_int_equal(c.console_baud, 115200);
		assert_int_equal(c.idle, IDLE_STAY);
	}
	assert_int_equal(own(&c, "idle=x console=y idle=poweroff"), 2);
	assert_int_equal(c.idle, IDLE_POWEROFF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(full_line, reset),
		cmocka_unit_test_setup(defaults, reset),
		cmocka_unit_test_setup(file_names_in_front, reset),
		cmocka_unit_test_setup(sizes, reset),
		cmocka_unit_test_setup(any_order, reset),
		cmocka_unit_test_setup(bad_words, reset),
		cmocka_unit_test_setup(missing_words, reset),
		cmocka_unit_test_setup(belongs_to_nobody, reset),
		cmocka_unit_test_setup(costs_its_guest, reset),
		cmocka_unit_test_setup(unknown_role_costs_its_guest, reset),
		cmocka_unit_test_setup(files, reset),
		cmocka_unit_test_setup(too_many, reset),
		cmocka_unit_test_setup(hostile_text, reset),
		cmocka_unit_test(own_line),
		cmocka_unit_test(own_line_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
