/* SPDX-License-Identifier: MIT */
/*
 * Guests as the loader's module lines describe them:
 *
 *     [FILE] kernel vm=NAME mem=SIZE [vcpus=N] [mmu=ENGINE]
 *         [without=OPTION+OPTION...] [debugexit] [-- GUEST COMMAND LINE]
 *     [FILE] initrd vm=NAME
 *     [FILE] module vm=NAME [-- STRING]          (for multiboot kernels)
 *
 * and xihv's own line. Pure text to structs: no allocation, nothing else is touched.
 */
#ifndef HV_GUEST_CONFIG_H
#define HV_GUEST_CONFIG_H

#include "boot/boot_info.h"
#include "hv/compiler.h"

#define VM_MAX 8
#define VM_MAX_VCPUS 8
#define VM_NAME_MAX 16 /* NUL included */
#define VM_MAX_MODULES 16
#define VM_MEM_MIN (UINT64_C(8) << 20) /* bytes */
#define VM_MEM_MAX (UINT64_C(512) << 30)
#define VM_MEM_UNIT (UINT64_C(2) << 20) /* RAM comes in pieces of this */

struct guest_module {
	const struct boot_module *file;
	const char *args; /* what stood behind "--", or "" */
};

struct guest_config {
	char name[VM_NAME_MAX];
	uint64_t mem; /* bytes, a multiple of 2 MiB */
	unsigned vcpus;
	char engine[16]; /* mmu=; "" for the default */
	unsigned without; /* without=: enum mmu_option, what the engine leaves out, ... */
	unsigned without_pv; /* ... and enum pv_feature, what is not offered */
	bool debugexit; /* port 0xf4 ends the guest */
	struct guest_module kernel; /* file is never NULL in an accepted config */
	struct guest_module initrd; /* file NULL: none */
	struct guest_module module[VM_MAX_MODULES];
	unsigned nr_modules;
};

enum idle_action { IDLE_STAY, IDLE_POWEROFF };

struct hv_config {
	uint16_t console_port; /* I/O port of the serial console; 0: none */
	unsigned console_baud;
	enum idle_action idle; /* when the last guest has ended */
};

/*
 * Parse xihv's command line: console=com1[,BAUD]|com2[,BAUD]|0xPORT[,BAUD]|none,
 * idle=stay|poweroff. A first word that is a path is the loader's file name. Every
 * mistake is reported through printk (line, word, what was expected) and skipped.
 * Returns the number of mistakes.
 */
unsigned hv_config_parse(struct hv_config *c, const char *line);

/*
 * Parse all module lines. A mistake is reported likewise and costs only its own guest,
 * which is left out. Returns the number of guests in out[], at most VM_MAX.
 */
unsigned guest_config_parse(struct guest_config out[VM_MAX], const struct boot_info *bi);

#endif
