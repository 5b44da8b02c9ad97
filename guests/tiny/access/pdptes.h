/* SPDX-License-Identifier: MIT */
/* PAE's third level: registers that are loaded with CR3 (Intel SDM Vol. 3A 4.4.1). */
#ifndef TINY_ACCESS_PDPTES_H
#define TINY_ACCESS_PDPTES_H

#include "rules.h"

/* Each bit of a PDPTE, present or not. `s`: the processor; its registers are chosen here. */
void pdptes_run(const struct rules_setting *s);

#endif
