/* SPDX-License-Identifier: MIT */
/*
 * What the tests of each kernel loader ask of it: a file goes into the fake guest, and is
 * refused in words, or whatever it is ends in order. Included after cmocka.h.
 */
#ifndef TESTS_UNIT_LOADER_TEST_H
#define TESTS_UNIT_LOADER_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/errno.h"
#include "tests/unit/fake_guest.h"
#include "tests/unit/host_print.h"

static inline int load_file(const void *file, uint64_t size, const char *args,
			    struct guest_entry *entry)
{
	fake_guest_kernel(file, size, args);
	return fake_guest_load(entry);
}

static inline void file_is_refused(const void *file, uint64_t size, int err, const char *message)
{
	struct guest_entry entry;

	assert_int_equal(load_file(file, size, "", &entry), err);
	if (!strstr(host_printk_buf, message))
		print_error("wanted: %s\ngot:    %s\n", message, host_printk_buf);
	assert_non_null(strstr(host_printk_buf, message));
	assert_memory_equal(host_printk_buf, "g: not started: ", 16);
}

/* Whatever is in the file, all of it or the first `cut` bytes at most: it is loaded, or a
 * line says why not. */
static inline void file_ends_in_order(const void *file, uint64_t size, uint32_t cut)
{
	struct guest_entry entry;
	int err = load_file(file, fake_random() % 2 ? size : fake_random() % cut + 1, "x", &entry);

	assert_true(err == 0 || err == -ENOEXEC || err == -ENOMEM);
	assert_true((err != 0) == (host_printk_buf[0] != '\0'));
}

/* The file that the environment variable `name` names, *n bytes. False: it names none. */
static inline bool named_file(const char *name, void *buf, size_t bytes, size_t *n)
{
	const char *path = getenv(name);
	FILE *f = path ? fopen(path, "rb") : NULL;

	if (!f)
		return false;
	*n = fread(buf, 1, bytes, f);
	fclose(f);
	return true;
}

#endif
