/* SPDX-License-Identifier: MIT */
/*
 * Ports that are written for their delay or for a human with a POST card: 0x80 and 0xed. The
 * latest byte reads back, as on the page register that port 0x80 really is.
 */
#ifndef DRIVERS_VIRT_SINK_H
#define DRIVERS_VIRT_SINK_H

#include "hv/iobus.h"

#define POST_PORT 0x80
#define DELAY_PORT 0xed

struct sink {
	uint8_t latest[2]; /* of POST_PORT, DELAY_PORT */
};

must_check int sink_register(struct sink *s, struct iobus *ports);

#endif
