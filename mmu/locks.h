/* SPDX-License-Identifier: MIT */
/*
 * The library's lock in words that clang's thread-safety analysis understands (I15; `make
 * lint` runs it). There is one lock per virtual machine, and no function takes two, so one
 * name stands for all of them. Other compilers see nothing here.
 */
#ifndef MMU_LOCKS_H
#define MMU_LOCKS_H

#if defined(__clang__)
#define MMU_TSA(x) __attribute__((x))
#else
#define MMU_TSA(x)
#endif

struct MMU_TSA(capability("mmu_lock")) mmu_lock_name {
	char nothing;
};

/* Never defined: only its name is used. */
extern struct mmu_lock_name mmu_lock_of_vm;

#define MMU_GUARDED MMU_TSA(guarded_by(mmu_lock_of_vm)) /* a field: only with the lock */
#define MMU_LOCKED MMU_TSA(requires_capability(mmu_lock_of_vm)) /* a function: called with it */
#define MMU_UNLOCKED MMU_TSA(locks_excluded(mmu_lock_of_vm)) /* a function: called without */
#define MMU_TAKES MMU_TSA(acquire_capability(mmu_lock_of_vm))
#define MMU_DROPS MMU_TSA(release_capability(mmu_lock_of_vm))
/* Before and after the vCPUs run there is nobody to lock out. */
#define MMU_NO_LOCK_YET MMU_TSA(no_thread_safety_analysis)
/* Looks at what the lock guards without it: what it tells may be a moment old. */
#define MMU_SNAPSHOT MMU_TSA(no_thread_safety_analysis)

#endif
