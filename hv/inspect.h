/* SPDX-License-Identifier: MIT */
/* What the keys g, r and m of the hypervisor's console show. Run loop only. */
#ifndef HV_INSPECT_H
#define HV_INSPECT_H

void inspect_key_guests(char key); /* g */
void inspect_key_registers(char key); /* r */
void inspect_key_memory(char key); /* m */

#endif
