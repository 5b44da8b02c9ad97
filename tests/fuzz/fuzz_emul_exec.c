/* SPDX-License-Identifier: MIT */
/*
 * The emulator executing any instruction on any state over a window of memory. The input is
 * struct scenario, then the code.
 *
 *  X1  It ends, with a result that emul.h names.
 *  X2  A fault is one that instructions have; but for completed iterations of a REP, it and
 *      all that is not EMUL_OK leave registers and memory as they were.
 *  X3  It executes what the table says it executes, and nothing else; but for what another
 *      state or a descriptor decides, and then nothing has changed.
 *  X4  It touches memory only through its operations (ASan: the window is an allocation).
 *  X5  Flags that no instruction in its scope writes stay.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "hv/emul.h"
#include "hv/emul_table.h"
#include "hv/x86.h"
#include "tests/unit/emul_fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WINDOW 512
#define WINDOW_LA 0x10000
#define NEVER_WRITTEN (RFLAGS_FIXED | RFLAGS_VM | RFLAGS_VIF | RFLAGS_VIP)

struct scenario {
	uint8_t mode, cpl, how, memory_result;
	uint8_t base[6], limit[6]; /* of segments */
	uint16_t attr[6];
	uint32_t rflags;
	uint64_t gpr[NR_GPRS];
	uint8_t fill;
} __attribute__((packed));

enum { IN_PROTECTED_MODE = 1, IS_DEVICE = 2, IN_VM86 = 4, NEAR_WINDOW = 8, LA57 = 16 };

static void set_segments(struct fake *f, const struct scenario *s)
{
	for (unsigned i = 0; i < 6; i++) {
		struct segment *seg = &f->seg[i];

		seg->base = s->base[i] & 1 ? 0 : WINDOW_LA - s->base[i];
		seg->limit = s->limit[i] & 1 ? UINT32_MAX : s->limit[i];
		seg->attr = s->attr[i] | (s->attr[i] & 0x20 ? SEG_UNUSABLE : 0);
		seg->sel = s->attr[i];
	}
}

static void set_up(struct fake *f, const struct scenario *s, uint8_t *window)
{
	static const unsigned modes[] = { 2, 4, 8, 8 };

	memset(window, s->fill, WINDOW);
	fake_init(f, modes[s->mode & 3], window, WINDOW_LA, WINDOW);
	f->ctx.cpl = s->cpl & 3;
	f->ctx.protected_mode = f->ctx.mode == 8 || (s->how & IN_PROTECTED_MODE);
	f->ctx.la57 = s->how & LA57;
	f->is_device = s->how & IS_DEVICE;
	f->memory_result = s->memory_result & 0xf0 ? EMUL_OK : s->memory_result & 3;
	if (f->memory_result == EMUL_FAULT)
		f->memory_result = EMUL_OK;
	f->regs.rflags = s->rflags | RFLAGS_FIXED;
	f->regs.rflags &= ~(RFLAGS_VM | (s->how & IN_VM86 ? 0 : RFLAGS_TF));
	if ((s->how & IN_VM86) && !f->ctx.protected_mode)
		f->regs.rflags |= RFLAGS_VM;
	memcpy(f->regs.gpr, s->gpr, sizeof(f->regs.gpr));
	if (s->how & NEAR_WINDOW)
		for (unsigned i = 0; i < NR_GPRS; i++)
			f->regs.gpr[i] = WINDOW_LA + (f->regs.gpr[i] & (2 * WINDOW - 1));
	set_segments(f, s);
	f->regs.rip = 0x1000;
	/* descriptor and interrupt tables in the window, or mostly beyond it */
	f->gdt = f->idt = (struct descriptor_table){ .base = WINDOW_LA, .limit = s->attr[0] };
}

static bool repeats(const struct insn *i)
{
	return i->rep && i->op >= INSN_MOVS && i->op <= INSN_OUTS;
}

/* Real mode's, or not in 64-bit mode; gates and privilege; CR4.VME, PVI, UMIP. */
static bool may_decline(const struct fake *f, const struct insn *i)
{
	if ((i->desc->flags & IF_REAL) && (f->ctx.protected_mode || (f->regs.rflags & RFLAGS_VM)))
		return true;
	if ((i->desc->flags & IF_LEGACY) && i->mode == 8)
		return true;
	return (i->op >= INSN_FAR_JMP && i->op <= INSN_FAR_RET) ||
	       (i->op >= INSN_CLI && i->op <= INSN_SIDT) || i->op == INSN_SLDT || i->op == INSN_STR;
}

static bool is_fault(const struct emul_fault *f)
{
	static const uint64_t vectors = BIT(VEC_DE) | BIT(VEC_UD) | BIT(VEC_NP) | BIT(VEC_SS) |
					BIT(VEC_GP) | BIT(VEC_PF);

	return f->vector < NR_EXCEPTIONS && (vectors >> f->vector & 1);
}

static void check_outcome(const struct fake *f, const struct insn *i, enum emul_result r,
			  const struct cpu_regs *before, const uint8_t *memory)
{
	assert(r == EMUL_OK || r == EMUL_FAULT || r == EMUL_RETRY || r == EMUL_UNHANDLED);
	assert(((f->regs.rflags ^ before->rflags) & NEVER_WRITTEN) == 0);
	if (i->op >= INSN_FIRST_DECODE_ONLY)
		assert(r == EMUL_UNHANDLED);
	else if (f->memory_result == EMUL_OK)
		assert(r == EMUL_OK || r == EMUL_FAULT ||
		       (r == EMUL_UNHANDLED && may_decline(f, i)));
	if (r == EMUL_FAULT)
		assert(is_fault(&f->ctx.fault));
	if (r == EMUL_OK || repeats(i))
		return;
	assert(!memcmp(&f->regs, before, sizeof(*before)));
	if (!f->is_device)
		assert(!memcmp(f->mem, memory, WINDOW));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *window, memory[WINDOW];
	struct scenario s;
	struct cpu_regs before;
	struct insn insn;
	struct fake f;
	enum emul_result r;

	if (size <= sizeof(s))
		return -1;
	memcpy(&s, data, sizeof(s));
	window = malloc(WINDOW);
	set_up(&f, &s, window);
	if (!insn_decode(&insn, data + sizeof(s), size - sizeof(s), f.ctx.mode)) {
		memcpy(memory, window, WINDOW);
		before = f.regs;
		r = emul_execute(&f.ctx, &insn);
		check_outcome(&f, &insn, r, &before, memory);
	}
	free(window);
	return 0;
}
