/* SPDX-License-Identifier: MIT */
/*
 * A ticketless test-and-set spinlock. xihv runs with interrupts off but for HLT and irq_window()
 * (hv/cpu.h), where no lock is held: so none need save the interrupt flag.
 */
#ifndef HV_SPINLOCK_H
#define HV_SPINLOCK_H

#include <stdbool.h>

#define SPIN_TRIES 10000000u

struct spinlock {
	int held;
};

static inline void spin_lock(struct spinlock *l)
{
	while (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&l->held, __ATOMIC_RELAXED))
			__builtin_ia32_pause();
}

static inline bool spin_trylock(struct spinlock *l)
{
	return !__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE);
}

/* For those who may have interrupted the holder (a machine check, an NMI), or meet a CPU that died
 * with the lock: they try for about a second. False: it is not theirs. */
static inline bool spin_lock_or_give_up(struct spinlock *l)
{
	for (unsigned tries = 0; tries < SPIN_TRIES; tries++) {
		if (spin_trylock(l))
			return true;
		__builtin_ia32_pause();
	}
	return false;
}

static inline void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}

#endif
