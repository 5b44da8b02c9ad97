/* SPDX-License-Identifier: MIT */
/*
 * NMIs of the host: of the firmware, of a chassis button, or asked for by a key. Nothing of ours
 * is wrong then, so they are counted and told, and all goes on.
 */
#ifndef HV_NMI_H
#define HV_NMI_H

#include <stdint.h>

/* One has come to this CPU, at `rip`. Its handler, so whatever locks may be held. */
void nmi_note(uint64_t rip);

/* Say where the latest hit this CPU, unless that is said. Run loop only. */
void nmi_report(void);

/* Send one to this CPU, and say where it hit. Run loop only. */
void nmi_key_send(char key);

#endif
