/* SPDX-License-Identifier: MIT */
/*
 * What the hypervisor's console shows of the guests' shadow page tables, and does with them:
 * keys s, a, d and, for the guest that was chosen, X and D. Run loop only.
 */
#ifndef HV_SHADOW_H
#define HV_SHADOW_H

#include "hv/vm.h"

void shadow_key_summary(char key); /* s */
void shadow_key_audit(char key); /* a */
void shadow_key_dirty(char key); /* d */

/* `vm` is running. X: it goes on with the next engine of the library's table, in turn, or with
 * the one that it has if memory is short. A reset brings that of its module line back. */
void shadow_switch_engine(struct vm *vm);
void shadow_toggle_dirty(struct vm *vm); /* D */

#endif
