/* SPDX-License-Identifier: MIT */
/* Look-up in the table made by hv/symbols.awk: read-only data, sorted by address. */
#include "hv/symbols.h"

#include <stddef.h>

#include "hv/paging.h"

struct symbol {
	uint32_t addr; /* from IMAGE_VMA */
	uint32_t name; /* from symbol_names */
};

extern const uint64_t symbol_count;
extern const struct symbol symbol_table[];
extern const char symbol_names[];
extern const char image_start[], image_text_end[]; /* linker.ld */

const char *symbol_name(uint64_t addr, uint64_t *offset)
{
	uint64_t low = 0, high = symbol_count;

	if (addr < (uint64_t)image_start || addr >= (uint64_t)image_text_end)
		return NULL;
	addr -= IMAGE_VMA;
	/* The last one at or below addr. */
	while (low < high) {
		uint64_t mid = (low + high) / 2;

		if (symbol_table[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return NULL;
	*offset = addr - symbol_table[low - 1].addr;
	return symbol_names + symbol_table[low - 1].name;
}
