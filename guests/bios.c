/* SPDX-License-Identifier: MIT */
/*
 * BIOS data areas and the reset vector. Nothing here is kept; VM creation only.
 *
 * There is no BIOS to call. What jumps to the reset vector wants the machine to start
 * again, and gets it.
 */
#include "drivers/virt/vuart.h"
#include "guests/firmware.h"
#include "hv/guest_mem.h"
#include "hv/vm.h"

/* BIOS data area */
enum {
	BDA_COM1 = 0x400, /* port, 16 bits */
	BDA_EBDA_SEGMENT = 0x40e,
	BDA_EQUIPMENT = 0x410, /* 16 bits */
	BDA_MEMORY_KB = 0x413,
	EQUIPMENT_FPU = 1 << 1,
	EQUIPMENT_ONE_SERIAL = 1 << 9,
};

#define ROM_RESET UINT64_C(0xffff0) /* where a processor starts */
#define ROM_ENTRY UINT64_C(0xfe05b) /* where every BIOS starts */
#define ROM_SEGMENT UINT64_C(0xf0000)

/* 16-bit code: the reset sequence of port 0xcf9, then stop. */
static const uint8_t entry_code[] = {
	0xfa, /* cli */
	0xba, 0xf9, 0x0c, /* mov dx, 0xcf9 */
	0xb0, 0x02, /* mov al, 2 */
	0xee, /* out dx, al */
	0xb0, 0x06, /* mov al, 6 */
	0xee, /* out dx, al */
	0xf4, /* hlt */
	0xeb, 0xfd, /* jmp hlt */
};

static const uint8_t reset_code[] = {
	0xea,
	(uint8_t)(ROM_ENTRY - ROM_SEGMENT),
	(uint8_t)((ROM_ENTRY - ROM_SEGMENT) >> 8),
	0x00,
	0xf0, /* jmp 0xf000:0xe05b */
	'0',
	'1',
	'/',
	'0',
	'1',
	'/',
	'2',
	'6',
	0x00, /* date of the "BIOS" */
	0xfc, /* model: AT */
	0x00,
};

static bool put16(struct vm *vm, uint64_t gpa, uint16_t val)
{
	return guest_write(vm, GPA(gpa), &val, sizeof(val));
}

bool bios_write(struct vm *vm)
{
	uint8_t ebda_kb = FIRMWARE_EBDA_SIZE >> 10;

	_Static_assert(sizeof(reset_code) == 16, "up to the end of the ROM");
	return put16(vm, BDA_COM1, VUART_COM1_PORT) &&
	       put16(vm, BDA_EBDA_SEGMENT, FIRMWARE_EBDA >> 4) &&
	       put16(vm, BDA_EQUIPMENT, EQUIPMENT_FPU | EQUIPMENT_ONE_SERIAL) &&
	       put16(vm, BDA_MEMORY_KB, FIRMWARE_EBDA >> 10) &&
	       guest_write(vm, GPA(FIRMWARE_EBDA), &ebda_kb, sizeof(ebda_kb)) &&
	       guest_write_rom(vm, GPA(ROM_ENTRY), entry_code, sizeof(entry_code)) &&
	       guest_write_rom(vm, GPA(ROM_RESET), reset_code, sizeof(reset_code));
}
