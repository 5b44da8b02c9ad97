/* SPDX-License-Identifier: MIT */
/*
 * Module lines to guests. Called once at boot, before anything runs: no lock.
 *
 * Lines may come in any order, so kernels are read first and then what belongs to them. A
 * mistake marks the guest that its line names, as well as that can be made out; marked
 * guests are dropped at the end, so that one boot reports all mistakes.
 */
#include "hv/guest_config.h"

#include "hv/print.h"
#include "hv/pv.h"
#include "hv/string.h"
#include "hv/words.h"
#include "mmu/mmu.h"

enum role { ROLE_NONE, ROLE_KERNEL, ROLE_INITRD, ROLE_MODULE };

/* What one module line says. */
struct module_line {
	struct words line;
	char what[24]; /* "module 2" */
	const struct boot_module *file;
	enum role role;
	struct guest_config guest; /* a kernel's; of the others only the name */
	const char *args;
	unsigned seen; /* bit by option */
};

/* Guests as they are gathered, with room for a kernel in every line: one that is known to be
 * wrong stays, so that its other lines aren't reported as somebody's who is unknown, and
 * takes nobody's place. */
struct gathering {
	struct guest_config guest[BOOT_MAX_MODULES];
	bool wrong[BOOT_MAX_MODULES];
	unsigned nr;
};

static const char size_expected[] = "a size such as 512M";

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.';
}

/* The option readers return NULL, or what they expected. */
static const char *read_name(struct guest_config *g, struct word value)
{
	bool ok = value.len > 0;

	for (unsigned i = 0; i < value.len; i++)
		ok = ok && name_char(value.s[i]);
	if (!ok || !word_copy(value, g->name, sizeof(g->name)))
		return "a name of 1 to 15 letters, digits, '-', '_' or '.'";
	return NULL;
}

static const char *read_mem(struct guest_config *g, struct word value)
{
	uint64_t bytes;

	if (!word_size(value, &bytes))
		return size_expected;
	if (bytes < VM_MEM_MIN || bytes > VM_MEM_MAX)
		return "a size from 8M to 512G";
	if (bytes % VM_MEM_UNIT)
		return "a multiple of 2M";
	g->mem = bytes;
	return NULL;
}

static const char *read_vcpus(struct guest_config *g, struct word value)
{
	static char expected[40];
	uint64_t n;

	if (word_number(value, &n) && n >= 1 && n <= VM_MAX_VCPUS) {
		g->vcpus = (unsigned)n;
		return NULL;
	}
	snprintf(expected, sizeof(expected), "a number from 1 to %d", VM_MAX_VCPUS);
	return expected;
}

static const char *read_engine(struct guest_config *g, struct word value)
{
	static char expected[80];
	size_t at = 0;

	for (unsigned i = 0; mmu_engine_name(i); i++) {
		const char *name = mmu_engine_name(i);

		if (word_is(value, name) && word_copy(value, g->engine, sizeof(g->engine)))
			return NULL;
		if (at < sizeof(expected))
			at += (size_t)snprintf(expected + at, sizeof(expected) - at, "%s%s",
					       i ? " or " : "", name);
	}
	return expected;
}

/* Two tables of words, a bit each: the engine's, then the paravirtual ones. */
#define NR_OPTIONS ((unsigned)MMU_NR_OPTIONS + PV_NR_FEATURES)

static const char *option_name(unsigned i)
{
	return i < MMU_NR_OPTIONS ? mmu_option_name[i] : pv_feature_name[i - MMU_NR_OPTIONS];
}

/* Its number by name; NR_OPTIONS: no such. */
static unsigned find_option(struct word w)
{
	unsigned i = 0;

	while (i < NR_OPTIONS && !word_is(w, option_name(i)))
		i++;
	return i;
}

static const char *options_expected(void)
{
	static char expected[160];
	size_t at = 0;

	for (unsigned i = 0; i < NR_OPTIONS && at < sizeof(expected); i++)
		at += (size_t)snprintf(expected + at, sizeof(expected) - at, "%s%s",
				       i ? ", " : "words joined by '+' out of ", option_name(i));
	return expected;
}

/* OPTION[+OPTION...]: loaders use the comma for themselves. */
static const char *read_without(struct guest_config *g, struct word value)
{
	unsigned without = 0;

	for (unsigned from = 0, i = 0; i <= value.len; i++) {
		unsigned option;

		if (i < value.len && value.s[i] != '+')
			continue;
		option = find_option((struct word){ value.s + from, i - from });
		if (option == NR_OPTIONS)
			return options_expected();
		without |= 1u << option;
		from = i + 1;
	}
	g->without = without & ((1u << MMU_NR_OPTIONS) - 1);
	g->without_pv = without >> MMU_NR_OPTIONS;
	return NULL;
}

static const char *read_debugexit(struct guest_config *g, struct word value)
{
	if (value.len)
		return "debugexit alone";
	g->debugexit = true;
	return NULL;
}

static const struct option {
	const char *key; /* with its '=' if it takes a value */
	bool all_roles; /* else a kernel's only */
	const char *(*read)(struct guest_config *g, struct word value);
} options[] = {
	{ "vm=", true, read_name },	     { "mem=", false, read_mem },
	{ "vcpus=", false, read_vcpus },     { "mmu=", false, read_engine },
	{ "without=", false, read_without }, { "debugexit", false, read_debugexit },
};

static const char *const role_expects[] = {
	[ROLE_KERNEL] = "vm=NAME, mem=SIZE, vcpus=N, mmu=ENGINE, without=OPTION+OPTION..., "
			"debugexit, or -- and the guest's command line",
	[ROLE_INITRD] = "vm=NAME and nothing else",
	[ROLE_MODULE] = "vm=NAME, or -- and the module's string",
};

static void read_option(struct module_line *m, struct word w)
{
	for (unsigned i = 0; i < ARRAY_SIZE(options); i++) {
		const struct option *o = &options[i];
		const char *expected;
		struct word value;

		if (!word_starts(w, o->key, &value) || (!o->all_roles && m->role != ROLE_KERNEL))
			continue;
		expected = m->seen & BIT(i) ? "it only once" : o->read(&m->guest, value);
		m->seen |= (unsigned)BIT(i);
		if (expected)
			words_expected(&m->line, w, expected);
		return;
	}
	words_expected(&m->line, w, role_expects[m->role]);
}

static enum role role_of(struct word w)
{
	if (word_is(w, "kernel"))
		return ROLE_KERNEL;
	if (word_is(w, "initrd"))
		return ROLE_INITRD;
	if (word_is(w, "module"))
		return ROLE_MODULE;
	return ROLE_NONE;
}

static bool looks_like_file(struct word w)
{
	for (unsigned i = 0; i < w.len; i++)
		if (w.s[i] == '/' || w.s[i] == '.')
			return true;
	return false;
}

/* QEMU hands on the file's name in front, GRUB does not: it is a name if a role follows. */
static enum role read_role(struct words *l)
{
	struct word first = words_next(l);
	enum role role = role_of(words_peek(l));

	if (role != ROLE_NONE) {
		words_next(l);
		return role;
	}
	role = role_of(first);
	if (role == ROLE_NONE)
		words_expected(l, looks_like_file(first) ? words_peek(l) : first,
			       "kernel, initrd or module");
	return role;
}

/* Behind "--" and one blank everything is the guest's, verbatim. */
static const char *read_args(struct words *l)
{
	const char *args = *l->next ? l->next + 1 : l->next;

	l->next = args + strlen(args);
	return args;
}

static void read_words(struct module_line *m)
{
	for (struct word w = words_next(&m->line); w.len; w = words_next(&m->line)) {
		if (word_is(w, "--") && m->role != ROLE_INITRD)
			m->args = read_args(&m->line);
		else if (m->role != ROLE_NONE)
			read_option(m, w);
		else if (word_starts(w, "vm=", &w))
			(void)read_name(&m->guest, w); /* whose line is it? */
	}
}

static void check_line(struct module_line *m)
{
	const struct word end = { .s = "" };

	if (m->file->line_cut)
		words_mistake(&m->line, "is too long: expected at most %d characters",
			      BOOT_LINE_MAX - 1);
	if (m->role == ROLE_NONE)
		return;
	if (m->file->size == 0)
		words_mistake(&m->line, "its file is empty: expected a file with something in it");
	if (!m->guest.name[0] && !m->line.mistakes)
		words_expected(&m->line, end, "vm=NAME");
	if (m->role == ROLE_KERNEL && !m->guest.mem && !m->line.mistakes)
		words_expected(&m->line, end, "mem=SIZE, for example mem=512M");
}

static void start_line(struct module_line *m, const struct boot_info *bi,
		       const struct boot_module *file)
{
	*m = (struct module_line){ .file = file, .args = "" };
	snprintf(m->what, sizeof(m->what), "module %u", (unsigned)(file - bi->module) + 1);
	words_start(&m->line, m->what, file->line);
}

static void read_line(struct module_line *m, const struct boot_info *bi, unsigned i)
{
	start_line(m, bi, &bi->module[i]);
	m->guest.vcpus = 1;
	m->role = read_role(&m->line);
	read_words(m);
	check_line(m);
}

static int find_guest(const struct gathering *g, const char *name)
{
	for (unsigned i = 0; i < g->nr; i++)
		if (strcmp(g->guest[i].name, name) == 0)
			return (int)i;
	return -1;
}

static void take_kernel(struct gathering *g, struct module_line *m)
{
	if (!m->guest.name[0])
		return;
	if (find_guest(g, m->guest.name) >= 0) {
		words_mistake(&m->line,
			      "a kernel for this vm= was already given: expected another name");
		return;
	}
	m->guest.kernel = (struct guest_module){ .file = m->file, .args = m->args };
	g->wrong[g->nr] = m->line.mistakes > 0;
	g->guest[g->nr++] = m->guest;
}

static void take_other(struct gathering *g, struct module_line *m)
{
	const struct guest_module taken = { .file = m->file, .args = m->args };
	int i = find_guest(g, m->guest.name);
	struct guest_config *guest;

	if (i < 0) {
		if (m->guest.name[0] && m->role != ROLE_NONE)
			words_mistake(&m->line,
				      "there is no such guest: expected the vm= of a kernel");
		return;
	}
	guest = &g->guest[i];
	if (m->role == ROLE_INITRD && guest->initrd.file)
		words_mistake(&m->line, "its guest has an initrd already: expected one");
	else if (m->role == ROLE_MODULE && guest->nr_modules == VM_MAX_MODULES)
		words_mistake(&m->line, "one module too many for its guest: expected at most %d",
			      VM_MAX_MODULES);
	else if (m->role == ROLE_INITRD)
		guest->initrd = taken;
	else if (m->role == ROLE_MODULE)
		guest->module[guest->nr_modules++] = taken;
	g->wrong[i] = g->wrong[i] || m->line.mistakes > 0;
}

/* Each line is read in both passes but speaks up in the one that takes it: a kernel's in
 * the first, all others' in the second. */
static bool is_kernel_line(const struct boot_module *file)
{
	struct words l;
	enum role first, second;

	words_start(&l, "", file->line);
	first = role_of(words_next(&l));
	second = role_of(words_next(&l));
	return second == ROLE_KERNEL || (second == ROLE_NONE && first == ROLE_KERNEL);
}

static void gather(struct gathering *g, const struct boot_info *bi, bool kernels)
{
	struct module_line m;

	for (unsigned i = 0; i < bi->nr_modules; i++) {
		if (is_kernel_line(&bi->module[i]) != kernels)
			continue;
		read_line(&m, bi, i);
		if (kernels)
			take_kernel(g, &m);
		else
			take_other(g, &m);
	}
}

static unsigned keep_right(struct guest_config out[VM_MAX], const struct gathering *g,
			   const struct boot_info *bi)
{
	struct module_line m;
	unsigned kept = 0;

	for (unsigned i = 0; i < g->nr; i++) {
		if (!g->wrong[i] && kept < VM_MAX) {
			out[kept++] = g->guest[i];
			continue;
		}
		if (!g->wrong[i]) {
			start_line(&m, bi, g->guest[i].kernel.file);
			words_mistake(&m.line, "one guest too many: expected at most %d", VM_MAX);
		}
		printk("xihv: guest %s is left out\n", g->guest[i].name);
	}
	return kept;
}

unsigned guest_config_parse(struct guest_config out[VM_MAX], const struct boot_info *bi)
{
	static struct gathering g;

	g.nr = 0;
	if (bi->modules_dropped)
		printk("xihv: %u modules behind the first %d were dropped: expected at most %d\n",
		       bi->modules_dropped, BOOT_MAX_MODULES, BOOT_MAX_MODULES);
	gather(&g, bi, true);
	gather(&g, bi, false);
	return keep_right(out, &g, bi);
}
