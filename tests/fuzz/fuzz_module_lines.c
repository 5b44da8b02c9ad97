// SPDX-License-Identifier: MIT
/*
 * Module lines (hv/guest_config.h). The input is text, one module a line of it; a line that
 * opens with '!' has an empty file, one with '~' was cut by the loader.
 *
 *  L1  An accepted guest keeps its contract: name, memory, vCPUs, engine, files of its own.
 *  L2  Each line is used, or named by a message, or its guest is said to be left out; and
 *      nothing is said if each is used.
 *  L3  Accepted guests, written down as lines, are read as the same guests.
 *  L4  The order of lines does not matter, where no line is wrong.
 *  L5  One guest more changes nothing for the others.
 *  L6  A message is one line of printable characters, whatever the module line holds.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/guest_config.h"
#include "mmu/mmu.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/host_print.h"

#define FILE_BYTES 100

static struct boot_info bi, other;
static struct guest_config out[VM_MAX], again[VM_MAX];
static unsigned messages;
static bool named[BOOT_MAX_MODULES]; /* by a message */
static char left_out[2 * BOOT_MAX_MODULES][VM_NAME_MAX];
static unsigned nr_left_out;

const char *mmu_engine_name(unsigned i)
{
	static const char *const names[] = { "vtlb", "xi", NULL };

	return names[i];
}

static void hear(const char *text, size_t n)
{
	unsigned number;
	char name[VM_NAME_MAX];

	assert(n > 0 && text[n - 1] == '\n');
	for (size_t i = 0; i < n - 1; i++)
		assert(text[i] >= ' ' && text[i] <= '~'); /* L6 */
	messages++;
	if (sscanf(text, "xihv: module %u \"", &number) == 1) {
		assert(number >= 1 && number <= BOOT_MAX_MODULES);
		named[number - 1] = true;
	} else if (sscanf(text, "xihv: guest %15s is left out", name) == 1) {
		memcpy(left_out[nr_left_out++], name, sizeof(name));
	} else {
		assert(strstr(text, "were dropped"));
	}
}

static unsigned parse(struct guest_config *to, const struct boot_info *from)
{
	messages = nr_left_out = 0;
	memset(named, 0, sizeof(named));
	memset(to, 0xee, sizeof(out));
	return guest_config_parse(to, from);
}

static void add_line(struct boot_info *to, const char *text, size_t len)
{
	struct boot_module *m;

	if (to->nr_modules == BOOT_MAX_MODULES) {
		to->modules_dropped++;
		return;
	}
	m = &to->module[to->nr_modules++];
	m->size = FILE_BYTES;
	m->line_cut = len >= sizeof(m->line);
	if (len && text[0] == '!')
		m->size = 0;
	if (len && text[0] == '~')
		m->line_cut = true;
	if (len && (text[0] == '!' || text[0] == '~'))
		text++, len--;
	len = strnlen(text, len);
	if (len >= sizeof(m->line))
		len = sizeof(m->line) - 1;
	memcpy(m->line, text, len);
	m->line[len] = 0;
}

static void clear(struct boot_info *b)
{
	b->nr_modules = b->modules_dropped = 0;
	memset(b->module, 0, sizeof(b->module));
}

static void read_input(const char *text, size_t size)
{
	clear(&bi);
	while (size) {
		const char *end = memchr(text, '\n', size);
		size_t len = end ? (size_t)(end - text) : size;

		add_line(&bi, text, len);
		len += end != NULL;
		text += len;
		size -= len;
	}
}

static void check_file(const struct guest_module *m, bool used[])
{
	size_t i = (size_t)(m->file - bi.module);
	const char *line = bi.module[i].line;

	assert(i < bi.nr_modules && !used[i] && !named[i]);
	used[i] = true;
	assert(m->file->size == FILE_BYTES && !m->file->line_cut);
	assert(!*m->args || (m->args > line && m->args <= line + strlen(line)));
}

static bool known_engine(const char *name)
{
	for (unsigned i = 0; mmu_engine_name(i); i++)
		if (!strcmp(name, mmu_engine_name(i)))
			return true;
	return !*name;
}

static void check_guest(const struct guest_config *g, bool used[])
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t len = strnlen(g->name, sizeof(g->name));

	assert(len > 0 && len < sizeof(g->name) && strspn(g->name, letters) == len);
	assert(g->mem >= VM_MEM_MIN && g->mem <= VM_MEM_MAX && g->mem % VM_MEM_UNIT == 0);
	assert(g->vcpus >= 1 && g->vcpus <= VM_MAX_VCPUS);
	assert(known_engine(g->engine) && g->nr_modules <= VM_MAX_MODULES);
	check_file(&g->kernel, used);
	if (g->initrd.file)
		check_file(&g->initrd, used);
	for (unsigned i = 0; i < g->nr_modules; i++)
		check_file(&g->module[i], used);
}

/* L2: somebody was told about line `i`. */
static void check_told(unsigned i)
{
	char option[VM_NAME_MAX + 3];

	for (unsigned k = 0; k < nr_left_out && !named[i]; k++) {
		snprintf(option, sizeof(option), "vm=%s", left_out[k]);
		named[i] = strstr(bi.module[i].line, option);
	}
	assert(named[i]);
}

static void check_contract(unsigned nr)
{
	bool used[BOOT_MAX_MODULES] = { false };
	bool all = !bi.modules_dropped;

	assert(nr <= VM_MAX);
	for (unsigned i = 0; i < nr; i++) {
		check_guest(&out[i], used);
		for (unsigned k = 0; k < i; k++)
			assert(strcmp(out[i].name, out[k].name) != 0);
	}
	for (unsigned i = 0; i < bi.nr_modules; i++) {
		all = all && used[i];
		if (!used[i])
			check_told(i);
	}
	assert(all == !messages);
}

static void same_guest(const struct guest_config *a, const struct guest_config *b)
{
	assert(!strcmp(a->name, b->name) && !strcmp(a->engine, b->engine));
	assert(a->mem == b->mem && a->vcpus == b->vcpus && a->debugexit == b->debugexit);
	assert(!strcmp(a->kernel.args, b->kernel.args));
	assert(!a->initrd.file == !b->initrd.file && a->nr_modules == b->nr_modules);
}

/* False: the line has no room for it. */
static bool write_line(struct guest_config *g, const char *role, const struct guest_module *m)
{
	static char line[2 * BOOT_LINE_MAX];
	int n = snprintf(line, sizeof(line), "%s vm=%s", role, g->name);

	if (m == &g->kernel)
		n += snprintf(line + n, sizeof(line) - n, " mem=%llu vcpus=%u %s%s %s",
			      (unsigned long long)g->mem, g->vcpus, *g->engine ? "mmu=" : "",
			      g->engine, g->debugexit ? "debugexit" : "");
	if (m != &g->initrd)
		n += snprintf(line + n, sizeof(line) - n, " -- %s", m->args);
	add_line(&other, line, (size_t)n);
	return n < BOOT_LINE_MAX;
}

/* L3 */
static void check_reread(unsigned nr)
{
	bool fits = true;

	clear(&other);
	for (unsigned i = 0; i < nr; i++) {
		struct guest_config *g = &out[i];

		fits = write_line(g, "kernel", &g->kernel) && fits;
		if (g->initrd.file)
			fits = write_line(g, "initrd", &g->initrd) && fits;
		for (unsigned k = 0; k < g->nr_modules; k++)
			fits = write_line(g, "a/path module", &g->module[k]) && fits;
	}
	if (!fits)
		return;
	assert(parse(again, &other) == nr && !messages);
	for (unsigned i = 0; i < nr; i++) {
		same_guest(&out[i], &again[i]);
		for (unsigned k = 0; k < out[i].nr_modules; k++)
			assert(!strcmp(out[i].module[k].args, again[i].module[k].args));
	}
}

/* L4 */
static void check_backwards(unsigned nr)
{
	clear(&other);
	other.nr_modules = bi.nr_modules;
	for (unsigned i = 0; i < bi.nr_modules; i++)
		other.module[i] = bi.module[bi.nr_modules - 1 - i];
	assert(parse(again, &other) == nr && !messages);
	for (unsigned i = 0; i < nr; i++)
		same_guest(&out[i], &again[nr - 1 - i]);
}

/* L5: a name that no line of the input can name as a whole, since it would be longer. */
static void check_one_more(unsigned nr)
{
	static const char line[] = "kernel vm=one-more-xyzzy mem=8M";

	for (unsigned i = 0; i < bi.nr_modules; i++)
		if (strstr(bi.module[i].line, "one-more-xyzzy"))
			return;
	if (nr == VM_MAX || bi.nr_modules == BOOT_MAX_MODULES)
		return;
	other = bi;
	add_line(&other, line, strlen(line));
	assert(parse(again, &other) == nr + 1);
	for (unsigned i = 0; i < nr; i++)
		same_guest(&out[i], &again[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned nr;
	bool clean;

	print_set_sink(hear);
	read_input((const char *)data, size);
	nr = parse(out, &bi);
	check_contract(nr);
	clean = !messages;
	check_reread(nr);
	if (clean)
		check_backwards(nr);
	check_one_more(nr);
	return 0;
}
