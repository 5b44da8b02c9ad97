/* SPDX-License-Identifier: MIT */
/* Segments, tables and pages of the beds (Intel SDM Vol. 3A 3.4.5, 6.14, 7.7). */
#include "guests/tiny/emul/bed.h"

#include "hv/string.h"
#include "tests/unit/emul_native.h"

#define SEL_CODE64 0x08 /* layout.inc */
#define SEL_DATA 0x10
#define GDT_ENTRIES 64
#define FIRST_FREE 6
#define TSS_AT 60
#define TSS_BYTES 104
#define TSS_IST1 36
#define GATE_BYTES 16
#define STUB_BYTES 16
#define VECTORS 32
#define GATE_IST1_INTERRUPT 0x8e01u

#define DATA16 (SEG_S | SEG_P | 3u) /* writable, accessed */
#define DATA32 (DATA16 | SEG_DB)
#define DOWN (1u << 2)
#define READ_ONLY16 (SEG_S | SEG_P | 1u)
#define CODE16 (SEG_S | SEG_P | 11u) /* readable, accessed */
#define CODE32 (CODE16 | SEG_DB)

const char *const bed_name[NR_BEDS] = { "64-bit", "32-bit", "16-bit protected", "real mode",
					"64-bit, emulated writes" };

extern uint64_t gdt[GDT_ENTRIES], low_table[512];
extern uint8_t native_stubs[], native_ist_top[], native_esp[];

static uint8_t tss[TSS_BYTES], idt[VECTORS * GATE_BYTES];
static unsigned gdt_used = FIRST_FREE;

/* Number 0 of each reaches all data; limits end inside of it, or far behind. */
static struct segment data_segs[] = {
	{ .base = 0x30000, .limit = 0xffff, .attr = DATA32 },
	{ .base = DATA_AT - 0x123, .limit = 0xffff, .attr = DATA16 },
	{ .base = 0x29000, .limit = 0xffff, .attr = DATA16 },
	{ .base = DATA_AT + 0x100, .limit = 0x11ff, .attr = READ_ONLY16 },
	{ .base = DATA_AT - 0x8000, .limit = 0x7fff, .attr = DATA16 | DOWN },
	{ .base = DATA_AT + 0x80000000, .limit = 0xffffffff, .attr = DATA32 | SEG_G },
	{ .base = 0, .limit = 0xffffffff, .attr = DATA32 | SEG_G },
};
static struct segment stack_segs[] = {
	{ .base = 0x30000, .limit = 0xffff, .attr = DATA32 },
	{ .base = 0x30000, .limit = 0xffff, .attr = DATA16 },
	{ .base = DATA_AT, .limit = DATA_BYTES - 1, .attr = DATA16 },
	{ .base = 0, .limit = 0xffffffff, .attr = DATA32 | SEG_G },
};
static struct segment code_segs32[] = {
	{ .base = CODE_AT, .limit = 0xffff, .attr = CODE32 },
	{ .base = 0, .limit = 0xffffffff, .attr = CODE32 | SEG_G },
};
static struct segment code_segs16[] = { { .base = CODE_AT, .limit = 0xffff, .attr = CODE16 } };

/* Real mode: base from the selector. */
static struct segment real_data[] = {
	{ .sel = 0x3000, .base = 0x30000, .limit = 0xffff, .attr = DATA16 },
	{ .sel = 0x2900, .base = 0x29000, .limit = 0xffff, .attr = DATA16 },
	{ .sel = 0x3801, .base = 0x38010, .limit = 0xffff, .attr = DATA16 },
	{ .sel = 0x37ff, .base = 0x37ff0, .limit = 0xffff, .attr = DATA16 },
};
static struct segment real_code[] = {
	{ .sel = CODE_AT >> 4, .base = CODE_AT, .limit = 0xffff, .attr = CODE16 },
};
static struct segment flat64 = { .sel = SEL_DATA }, code64 = { .sel = SEL_CODE64 };

static void add_to_gdt(struct segment *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		gdt[gdt_used] = emul_descriptor(&s[i]);
		s[i].sel = gdt_used++ << 3;
	}
}

static void put(uint8_t *p, uint64_t v, unsigned size)
{
	memcpy(p, &v, size);
}

static void load_tables(void)
{
	const uint64_t available_tss = SEG_P | 9, base = (uintptr_t)tss;
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uintptr_t)idt };

	for (unsigned v = 0; v < VECTORS; v++) {
		uint64_t at = (uintptr_t)native_stubs + v * STUB_BYTES;
		uint8_t *gate = idt + v * GATE_BYTES;

		put(gate, (at & 0xffff) | SEL_CODE64 << 16, 4);
		put(gate + 4, (uint64_t)GATE_IST1_INTERRUPT | (at >> 16 & 0xffff) << 16, 4);
	}
	put(tss + TSS_IST1, (uintptr_t)native_ist_top, 8);
	gdt[TSS_AT] = (TSS_BYTES - 1) | (base & 0xffffff) << 16 | available_tss << 40 |
		      (base >> 24) << 56;
	__asm__ volatile("lidt %0\n\tltr %w1" : : "m"(pointer), "r"(TSS_AT << 3));
}

static void map(uint32_t page, uint64_t flags)
{
	low_table[page >> PAGE_SHIFT] = page | flags;
	__asm__ volatile("invlpg (%0)" : : "r"((uintptr_t)page) : "memory");
}

void bed_init(void)
{
	add_to_gdt(data_segs, ARRAY_SIZE(data_segs));
	add_to_gdt(stack_segs, ARRAY_SIZE(stack_segs));
	add_to_gdt(code_segs32, ARRAY_SIZE(code_segs32));
	add_to_gdt(code_segs16, ARRAY_SIZE(code_segs16));
	load_tables();
	memset((void *)(uintptr_t)CODE_AT, 0xcc, CODE_BYTES);
	map(DATA_AT - PAGE_SIZE, 0);
	map(DATA_AT + DATA_BYTES, 0);
	map(DATA_AT + DATA_BYTES - PAGE_SIZE, PTE_P);
}

static void choose_from_protected(struct emul_bed *bed, enum bed_kind kind)
{
	bed->data_seg = data_segs;
	bed->nr_data_segs = ARRAY_SIZE(data_segs);
	bed->stack_seg = stack_segs;
	bed->nr_stack_segs = ARRAY_SIZE(stack_segs);
	bed->code_seg = kind == BED_32 ? code_segs32 : code_segs16;
	bed->nr_code_segs = kind == BED_32 ? ARRAY_SIZE(code_segs32) : ARRAY_SIZE(code_segs16);
}

/* No paging: all that is there is the memory itself, without a guard. */
static void choose_real(struct emul_bed *bed)
{
	bed->data_seg = bed->stack_seg = real_data;
	bed->nr_data_segs = bed->nr_stack_segs = ARRAY_SIZE(real_data);
	bed->code_seg = real_code;
	bed->nr_code_segs = ARRAY_SIZE(real_code);
	bed->protected_mode = bed->long_mode = false;
	bed->frames_on_stack = true;
	bed->guard = 0;
	bed->data_size -= PAGE_SIZE; /* our own paging has the last one read-only */
	bed->ro_la = bed->data_la + bed->data_size;
}

static void choose_forced(struct emul_bed *bed)
{
	for (uint32_t page = 0; page < DATA_BYTES; page += PAGE_SIZE)
		map(DATA_AT + page, PTE_P | PTE_U);
	bed->flags_set = RFLAGS_AC;
	bed->ro_la = bed->data_la + bed->data_size;
}

static void choose_64(struct emul_bed *bed)
{
	bed->data_seg = bed->stack_seg = &flat64;
	bed->code_seg = &code64;
	bed->nr_data_segs = bed->nr_stack_segs = bed->nr_code_segs = 1;
	bed->base_mask = UINT64_MAX >> 17;
}

void bed_make(struct emul_bed *bed, enum bed_kind kind, bool on_qemu)
{
	*bed = (struct emul_bed){
		.mode = kind == BED_64 || kind == BED_FORCED ? 8
			: kind == BED_32		     ? 4
							     : 2,
		.cpl = 0,
		.protected_mode = true,
		.data = (uint8_t *)(uintptr_t)DATA_AT,
		.data_la = DATA_AT,
		.data_size = DATA_BYTES,
		.ro_la = DATA_AT + DATA_BYTES - PAGE_SIZE,
		.guard = PAGE_SIZE,
		.code = (uint8_t *)(uintptr_t)CODE_AT,
		.code_la = CODE_AT,
		.code_size = CODE_BYTES,
		.long_mode = true,
		.table = (uint8_t *)gdt,
		.table_la = (uintptr_t)gdt,
		.table_size = GDT_ENTRIES * sizeof(gdt[0]),
		.gdt = { .base = (uintptr_t)gdt, .limit = GDT_ENTRIES * sizeof(gdt[0]) - 1 },
		.ldtr = { .attr = SEG_UNUSABLE },
		.esp_high = (uint32_t)(uintptr_t)native_esp & 0xffff0000,
		.flags = RFLAGS_IOPL | RFLAGS_NT,
		.io_end = PORT_SCRATCH + 1,
		.io_imm_byte = PORT_PIC_MASK,
		.io_imm_wide = PORT_POST,
		.device_take = device_take,
		.no_segment_faults = on_qemu,
		.updates_write_late = on_qemu,
		.stays_in_code = true,
	};
	if (bed->mode == 8)
		choose_64(bed);
	else if (kind == BED_REAL)
		choose_real(bed);
	else
		choose_from_protected(bed, kind);
	if (kind == BED_FORCED)
		choose_forced(bed);
}

bool bed_checks_segments(void)
{
	static const uint8_t load[] = { 0xa1, 0x00, 0x20, 0x00, 0x00 }; /* mov eax, [0x2000] */
	struct native_state s = { .rflags = RFLAGS_FIXED };

	memcpy((void *)(uintptr_t)CODE_AT, load, sizeof(load));
	for (unsigned i = 0; i < ARRAY_SIZE(s.sel); i++)
		s.sel[i] = data_segs[3].sel; /* up to 0x11ff */
	s.sel[SEG_CS] = code_segs32[0].sel;
	s.sel[SEG_SS] = stack_segs[0].sel;
	native_choose(BED_32);
	native_run(&s);
	memset((void *)(uintptr_t)CODE_AT, 0xcc, sizeof(load));
	return s.vector == VEC_GP;
}
