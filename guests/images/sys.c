/* SPDX-License-Identifier: MIT */
/*
 * System calls and printing for the load (see sys.h). One thread: no locks.
 */
#include "guests/images/sys.h"

#include <asm/signal.h>
#include <linux/mman.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/time_types.h>
#include <stdarg.h>

#define NSEC UINT64_C(1000000000)
#define DEC_DIGITS 20
#define DEC_BUFFERS 32
#define PRINT_MAX 512
#define SA_NODEFER_RESTORER (0x40000000ul | 0x04000000ul)
#define SIGSET_BYTES 8

/* As the kernel wants it, on both architectures. */
struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static void *fault_return[5];

__asm__(".text\n" SYS_START);

/* The kernel starts us with argc, argv and a NULL on the stack. */
void start(long *stack) __attribute__((noreturn, used));
void start(long *stack)
{
	sys_exit(load_main((int)stack[0], (char **)(stack + 1)));
}

long sys_fork(void)
{
	return sys5(__NR_fork, 0, 0, 0, 0, 0);
}

void sys_exit(int code)
{
	for (;;)
		sys5(__NR_exit_group, code, 0, 0, 0, 0);
}

long sys_wait(long pid, int *status)
{
	return sys5(__NR_wait4, pid, (long)status, 0, 0, 0);
}

long sys_kill(long pid)
{
	return sys5(__NR_kill, pid, SYS_SIGKILL, 0, 0, 0);
}

long sys_exec(const char *path, const char *const argv[])
{
	static const char *const no_environment[] = { NULL };

	return sys5(__NR_execve, (long)path, (long)argv, (long)no_environment, 0, 0);
}

void *sys_map(size_t bytes)
{
	long p = sys_mmap(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);

	if (p < 0 && p > -(long)SYS_PAGE)
		return NULL;
	sys5(__NR_madvise, p, (long)bytes, MADV_NOHUGEPAGE, 0, 0);
	return (void *)p;
}

void *sys_map_shared(size_t bytes)
{
	long p = sys_mmap(bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);

	return p < 0 && p > -(long)SYS_PAGE ? NULL : (void *)p;
}

long sys_unmap(void *p, size_t bytes)
{
	return sys5(__NR_munmap, (long)p, (long)bytes, 0, 0, 0);
}

long sys_protect(void *p, size_t bytes, int prot)
{
	return sys5(__NR_mprotect, (long)p, (long)bytes, prot, 0, 0);
}

long sys_pipe(int fd[2])
{
	return sys5(__NR_pipe, (long)fd, 0, 0, 0, 0);
}

long sys_open(const char *path)
{
	return sys5(__NR_open, (long)path, 0, 0, 0, 0);
}

long sys_read(int fd, void *p, size_t n)
{
	return sys5(__NR_read, fd, (long)p, (long)n, 0, 0);
}

long sys_write(int fd, const void *p, size_t n)
{
	return sys5(__NR_write, fd, (long)p, (long)n, 0, 0);
}

long sys_close(int fd)
{
	return sys5(__NR_close, fd, 0, 0, 0, 0);
}

long sys_getppid(void)
{
	return sys5(__NR_getppid, 0, 0, 0, 0, 0);
}

/* A kernel's mask is a row of longs; here one or two hold all. */
static long set_affinity(uint64_t mask)
{
	return sys5(__NR_sched_setaffinity, 0, sizeof(mask), (long)&mask, 0, 0);
}

unsigned sys_cpus(void)
{
	uint64_t mask = 0;
	unsigned n = 0;

	if (sys5(__NR_sched_getaffinity, 0, sizeof(mask), (long)&mask, 0, 0) <= 0)
		return 1;
	for (; mask; mask &= mask - 1)
		n++;
	return n;
}

long sys_pin(unsigned cpu)
{
	return set_affinity(UINT64_C(1) << cpu);
}

void sys_pin_to_any(void)
{
	set_affinity(UINT64_MAX);
}

void sys_yield(void)
{
	sys5(__NR_sched_yield, 0, 0, 0, 0, 0);
}

/* Where a new thread begins, by the return address on its stack: with fn and arg behind it. */
__asm__(".text\n" SYS_THREAD_START);
extern const char thread_start[];

void thread_run(void (*fn)(long arg), long arg) __attribute__((noreturn, used));
void thread_run(void (*fn)(long arg), long arg)
{
	fn(arg);
	for (;;)
		sys5(__NR_exit, 0, 0, 0, 0, 0);
}

long sys_thread(void (*fn)(long arg), long arg, void *stack)
{
	long *top = (long *)stack - 4; /* aligned as the ABIs want it */

	top[0] = (long)fn;
	top[1] = arg;
	return sys_clone_at(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | SIGCHLD, top,
			    thread_start);
}

long sys_dontneed(void *p, size_t bytes)
{
	return sys5(__NR_madvise, (long)p, (long)bytes, MADV_DONTNEED, 0, 0);
}

long sys_mincore(const void *p, size_t bytes, uint8_t *present)
{
	return sys5(__NR_mincore, (long)p, (long)bytes, (long)present, 0, 0);
}

uint64_t sys_now_ns(void)
{
	struct __kernel_timespec t = { 0 };

	sys5(SYS_NR_CLOCK_GETTIME64, 1, (long)&t, 0, 0, 0);
	return (uint64_t)t.tv_sec * NSEC + (uint64_t)t.tv_nsec;
}

static uint64_t minor_faults(int who)
{
	struct rusage r = { 0 };

	sys5(__NR_getrusage, who, (long)&r, 0, 0, 0);
	return (uint64_t)r.ru_minflt;
}

uint64_t sys_minor_faults(void)
{
	return minor_faults(RUSAGE_SELF) + minor_faults(RUSAGE_CHILDREN);
}

static void on_fault(int sig)
{
	(void)sig;
	__builtin_longjmp(fault_return, 1);
}

/* Never reached: the handler does not return. But a 64-bit kernel wants it to be there. */
static void restorer(void)
{
	sys_exit(3);
}

bool sys_faults(void (*fn)(volatile uint64_t *p), volatile uint64_t *p)
{
	const struct kernel_sigaction catch = { on_fault, SA_NODEFER_RESTORER, restorer, 0 };
	const struct kernel_sigaction ignore = { 0 };
	volatile bool faulted = true;

	sys5(__NR_rt_sigaction, SYS_SIGSEGV, (long)&catch, 0, SIGSET_BYTES, 0);
	if (!__builtin_setjmp(fault_return)) {
		fn(p);
		faulted = false;
	}
	sys5(__NR_rt_sigaction, SYS_SIGSEGV, (long)&ignore, 0, SIGSET_BYTES, 0);
	return faulted;
}

void print(const char *s, ...)
{
	char buf[PRINT_MAX];
	size_t n = 0;
	va_list ap;

	va_start(ap, s);
	for (; s; s = va_arg(ap, const char *))
		while (*s && n < sizeof(buf))
			buf[n++] = *s++;
	va_end(ap);
	for (size_t done = 0; done < n;) {
		long w = sys_write(1, buf + done, n - done);

		if (w <= 0)
			return;
		done += (size_t)w;
	}
}

/* Digit by digit in 16-bit pieces: dividing 64 bits is a library call on i386. */
static unsigned divide_by_10(uint64_t *n)
{
	uint32_t rest = 0;
	uint64_t quotient = 0;

	for (int shift = 48; shift >= 0; shift -= 16) {
		uint32_t piece = rest << 16 | (uint16_t)(*n >> shift);

		quotient |= (uint64_t)(piece / 10) << shift;
		rest = piece % 10;
	}
	*n = quotient;
	return rest;
}

const char *dec(uint64_t n)
{
	static char bufs[DEC_BUFFERS][DEC_DIGITS + 1];
	static unsigned next;
	char *p = bufs[next++ % DEC_BUFFERS] + DEC_DIGITS;

	*p = '\0';
	do
		*--p = (char)('0' + divide_by_10(&n));
	while (n);
	return p;
}

bool parse_dec(const char *s, uint64_t *n)
{
	if (!*s)
		return false;
	for (*n = 0; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		*n = *n * 10 + (uint64_t)(*s - '0');
	}
	return true;
}

bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* The compiler may call these for copies and clears. */
void *memcpy(void *to, const void *from, size_t n)
{
	char *t = to;
	const char *f = from;

	while (n--)
		*t++ = *f++;
	return to;
}

void *memset(void *p, int c, size_t n)
{
	char *t = p;

	while (n--)
		*t++ = (char)c;
	return p;
}
