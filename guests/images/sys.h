/* SPDX-License-Identifier: MIT */
/*
 * The little that the load needs of a C library: system calls and printing. A C library
 * would make the process, and with it every fork and exec, several times larger than the
 * work that is to be measured, and i386 would need packages of its own.
 */
#ifndef SYS_H
#define SYS_H

#include <asm/unistd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One system call of up to five arguments; a negative result is an error number. */
#ifdef __x86_64__
static inline long sys5(long nr, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline long sys6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline long sys_mmap(size_t bytes, int prot, int flags)
{
	return sys6(__NR_mmap, 0, (long)bytes, prot, flags, -1, 0);
}

#define SYS_NR_CLOCK_GETTIME64 __NR_clock_gettime

/* clone() whose child goes on at `start` with its stack pointer at `stack`. */
static inline long sys_clone_at(long flags, void *stack, const char *start)
{
	long ret;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "jmp *%[start]\n"
			 "1:"
			 : "=a"(ret)
			 : "a"(__NR_clone), "D"(flags), "S"(stack), [start] "r"(start)
			 : "rcx", "r11", "memory");
	return ret;
}

#define SYS_THREAD_START           \
	"thread_start: pop %rdi\n" \
	"        pop %rsi\n"       \
	"        xor %ebp, %ebp\n" \
	"        call thread_run\n"

/* Where the kernel starts the program: hand over the stack as it is. */
#define SYS_START                  \
	".globl _start\n"          \
	"_start: xor %ebp, %ebp\n" \
	"        mov %rsp, %rdi\n" \
	"        and $-16, %rsp\n" \
	"        call start\n"
#else
static inline long sys5(long nr, long a, long b, long c, long d, long e)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
			 : "memory");
	return ret;
}

/* The old call, by a block of arguments: there is no register left for a sixth. */
static inline long sys_mmap(size_t bytes, int prot, int flags)
{
	long args[6] = { 0, (long)bytes, prot, flags, -1, 0 };

	return sys5(__NR_mmap, (long)args, 0, 0, 0, 0);
}

#define SYS_NR_CLOCK_GETTIME64 __NR_clock_gettime64

static inline long sys_clone_at(long flags, void *stack, const char *start)
{
	long ret;

	__asm__ volatile("int $0x80\n\t"
			 "test %%eax, %%eax\n\t"
			 "jnz 1f\n\t"
			 "jmp *%[start]\n"
			 "1:"
			 : "=a"(ret)
			 : "a"(__NR_clone), "b"(flags), "c"(stack), [start] "r"(start)
			 : "memory");
	return ret;
}

/* The two arguments stay where they are: on the stack. */
#define SYS_THREAD_START                 \
	"thread_start: xor %ebp, %ebp\n" \
	"        call thread_run\n"

#define SYS_START                  \
	".globl _start\n"          \
	"_start: xor %ebp, %ebp\n" \
	"        mov %esp, %eax\n" \
	"        and $-16, %esp\n" \
	"        sub $12, %esp\n"  \
	"        push %eax\n"      \
	"        call start\n"
#endif

#define SYS_PAGE 4096ul
#define SYS_CPUS_MAX 64u
#define SYS_PROT_READ 1
#define SYS_PROT_WRITE 2
#define SYS_SIGKILL 9
#define SYS_SIGSEGV 11

long sys_fork(void);
void sys_exit(int code) __attribute__((noreturn));
long sys_wait(long pid, int *status);
long sys_kill(long pid); /* SIGKILL */
long sys_exec(const char *path, const char *const argv[]);
void *sys_map(size_t bytes); /* private, anonymous, RW, no huge pages; NULL: failed */
void *sys_map_shared(size_t bytes); /* anonymous, RW, the same for all forks; NULL: failed */
long sys_unmap(void *p, size_t bytes);
long sys_protect(void *p, size_t bytes, int prot);
long sys_pipe(int fd[2]);
long sys_open(const char *path); /* to read */
long sys_read(int fd, void *p, size_t n);
long sys_write(int fd, const void *p, size_t n);
long sys_close(int fd);
long sys_getppid(void);
uint64_t sys_now_ns(void); /* CLOCK_MONOTONIC */

/* CPUs that this process may run on, at most SYS_CPUS_MAX; they have the numbers 0.. here. */
unsigned sys_cpus(void);
long sys_pin(unsigned cpu); /* the calling thread */
void sys_pin_to_any(void);
void sys_yield(void);

/* A thread that runs fn(arg) in this address space on the stack that ends at `stack`; it has a pid
 * of its own, to wait for. It must not use what is said to be for one thread. */
long sys_thread(void (*fn)(long arg), long arg, void *stack);

/* Take the memory away; it is zero when it is touched again. */
long sys_dontneed(void *p, size_t bytes);

/* Which pages are there: a byte each, bit 0 set. */
long sys_mincore(const void *p, size_t bytes, uint8_t *present);

/* Page faults so far of this process and of the children that it has waited for, those that
 * needed no input. */
uint64_t sys_minor_faults(void);

/* Run fn(arg); true if that raised SIGSEGV. */
bool sys_faults(void (*fn)(volatile uint64_t *p), volatile uint64_t *p);

/* Print to standard output: arguments are strings up to a NULL; one write a call. */
void print(const char *s, ...) __attribute__((sentinel));

/* A number as decimal text, in one of a few buffers used in turn. */
const char *dec(uint64_t n);

/* Decimal text as a number; false if it is none. */
bool parse_dec(const char *s, uint64_t *n);

bool same(const char *a, const char *b);

/* The program, called by the entry code of sys.c; its result is the exit code. */
int load_main(int argc, char **argv);

#endif
