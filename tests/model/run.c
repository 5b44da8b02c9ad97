/* SPDX-License-Identifier: MIT */
/* See run.h. */
#include "tests/model/run.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/model/act.h"
#include "tests/model/audit.h"
#include "tests/model/dirty.h"
#include "tests/model/setup.h"

#define RUN_SECONDS 20u /* no stream takes longer */

static sigjmp_buf failed_to;
static struct run_result *result;
static bool failed;
static unsigned timeout; /* seconds; 0: crashes are not caught */
static struct step steps[MODEL_VCPUS]; /* that each vCPU is at */

void model_fail(const char *kind, const char *details, ...)
{
	va_list args;

	va_start(args, details);
	vsnprintf(result->text, sizeof(result->text), details, args);
	va_end(args);
	result->kind = kind;
	failed = true;
	vcpus_abandon();
	siglongjmp(failed_to, 1);
}

static void run_one(struct vcpu *v)
{
	act(v, &steps[v->id]);
}

static void go(struct vcpu *v, unsigned leave)
{
	vcpus_run(v, leave);
	if (failed)
		siglongjmp(failed_to, 1);
}

static void finish(struct vcpu *v)
{
	while (v->busy)
		go(vcpus_who(v), 0);
}

static void finish_all(void)
{
	for (unsigned i = 0; i < vm.nr_vcpus; i++)
		finish(&vm.vcpu[i]);
}

/* The models remember only so much: flush, that they may forget. */
static void make_room(struct vcpu *v)
{
	bool full = world_is_full();

	if (!full && allowed_room(&v->allowed) >= MAX_STEP_EPOCHS)
		return;
	finish_all();
	if (!full) {
		act_flush(v, true);
		return;
	}
	for (unsigned i = 0; i < vm.nr_vcpus; i++)
		act_flush(&vm.vcpu[i], true);
	world_forget(world_now);
}

static void switch_engine(const struct run_options *o, const struct step *s)
{
	const char *engine = run_engine(o, s->what);

	const char *old = vm.mmu.config.engine;
	int err;

	finish_all();
	if (s->what & 0x80)
		world_allocs_left = s->what >> 2 & 31;
	err = mmu_switch_engine(&vm.mmu, engine);
	world_allocs_left = -1;
	MODEL_CHECK(!strcmp(vm.mmu.config.engine, err ? old : engine),
		    "the engine is not the one that was asked for", "%s, error %d", engine, err);
}

static void step(const struct run_options *o, const struct step *s)
{
	struct vcpu *v = &vm.vcpu[s->vcpu];
	unsigned leave = o->no_leave ? 0 : s->leave;

	switch (s->kind) {
	case STEP_GO_ON:
		if (v->busy)
			go(vcpus_who(v), leave);
		return;
	case STEP_AUDIT:
		finish_all();
		audit_all();
		return;
	case STEP_ENGINE:
		switch_engine(o, s);
		return;
	default:
		finish(v);
		make_room(v);
		steps[v->id] = *s;
		go(v, leave);
	}
}

static void print_line(const char *text, void *arg)
{
	fprintf(arg, "%s\n", text);
}

static void start_recorder(const struct run_options *o)
{
	MODEL_CHECK(!o->record || !mmu_record_start(&vm.mmu, o->record_bytes),
		    "the flight recorder does not start", " ");
}

static void dump_recorder(const struct run_options *o)
{
	uint64_t n = mmu_record_dump(&vm.mmu, NULL, NULL);

	if (o->record)
		MODEL_CHECK(mmu_record_dump(&vm.mmu, print_line, o->record) == n,
			    "a second dump is not as long as the first", " ");
	mmu_record_stop(&vm.mmu);
}

static void run_steps(const struct head *h, const uint8_t *bytes, size_t len,
		      const struct run_options *o)
{
	unsigned until_audit = o->audit_every;
	struct step s;
	size_t at = HEAD_BYTES;

	for (; at < len && step_decode(bytes + at, len - at, h, &s); at += STEP_BYTES) {
		result->bytes = at + STEP_BYTES;
		if (o->trace)
			step_print(&s, o->trace);
		step(o, &s);
		audit_touched(&vm.vcpu[s.vcpu]);
		result->steps++;
		result->in_mode[ref_mode(&vm.vcpu[s.vcpu].mmu.regs)]++;
		if (until_audit && !--until_audit) {
			finish_all();
			audit_all();
			until_audit = o->audit_every;
		}
	}
	finish_all();
	audit_all();
}

bool run_guarded(void (*body)(void *arg), void *arg, struct run_result *r)
{
	*r = (struct run_result){ .kind = NULL };
	result = r;
	failed = false;
	alarm(timeout);
	if (!sigsetjmp(failed_to, timeout))
		body(arg);
	alarm(0);
	return !r->kind;
}

struct stream {
	const uint8_t *bytes;
	size_t len;
	const struct run_options *o;
};

static void stream_body(void *arg)
{
	const struct stream *s = arg;
	uint8_t first[HEAD_BYTES] = { 0 };
	struct head h;

	memcpy(first, s->bytes, s->len < HEAD_BYTES ? s->len : HEAD_BYTES);
	head_decode(first, &h);
	if (s->o->trace)
		head_print(&h, s->o->trace);
	setup(&h, run_engine(s->o, h.engine), run_one);
	start_recorder(s->o);
	run_steps(&h, s->bytes, s->len, s->o);
	dump_recorder(s->o);
	teardown();
}

bool run_stream(const uint8_t *bytes, size_t len, const struct run_options *o, struct run_result *r)
{
	struct stream s = { bytes, len, o };

	return run_guarded(stream_body, &s, r);
}

static void on_crash(int sig)
{
	if (!result)
		_exit(1);
	result->kind = sig == SIGALRM ? "a step never ends" : "the library crashes";
	failed = true;
	siglongjmp(failed_to, 1);
}

void run_catch_crashes(void)
{
	static char stack[1 << 16];
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM };
	stack_t on = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction act = { .sa_handler = on_crash, .sa_flags = SA_ONSTACK };

	timeout = RUN_SECONDS;
	sigaltstack(&on, NULL);
	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &act, NULL);
}

struct run_options run_default_options(void)
{
	return (struct run_options){ .engine = getenv("MMU_ENGINE") };
}

const char *run_engine(const struct run_options *o, unsigned choice)
{
	unsigned n = 0;

	if (o->engine)
		return o->engine;
	while (mmu_engine_name(n))
		n++;
	return mmu_engine_name(choice % n);
}

void run_print(const uint8_t *bytes, size_t len, const struct run_options *o, FILE *f)
{
	uint8_t first[HEAD_BYTES] = { 0 };
	struct head h;
	struct step s;

	memcpy(first, bytes, len < HEAD_BYTES ? len : HEAD_BYTES);
	head_decode(first, &h);
	fprintf(f, "engine %s, ", run_engine(o, h.engine));
	head_print(&h, f);
	for (size_t at = HEAD_BYTES; at < len && step_decode(bytes + at, len - at, &h, &s);
	     at += STEP_BYTES)
		step_print(&s, f);
}
