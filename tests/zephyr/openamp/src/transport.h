/* What the test's traffic needs of the link: open-amp's device, set up and taken down, and waiting. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRANSPORT_H_
#define TRANSPORT_H_

#include <stdbool.h>

#include <openamp/open_amp.h>

#include "layouts.h"

/* Takes the device. 0, or why not. */
int transport_open(void);
/* Sets the link up, as soon as there is what it needs of the peer. 0, or why not. */
int transport_start(int layout, rpmsg_ns_bind_cb on_announced);
/* From here on messages are received, in a thread of their own. */
void transport_receive(void);
/* Takes the link down. */
void transport_stop(void);
/* open-amp's device, between start and stop. */
struct rpmsg_device *transport_device(void);
/* Waits for the next doorbell, a millisecond at most. */
void transport_wait(void);
/* Says that this side is through with a layout. */
void transport_through(int layout);
/* Whether the other side is. */
bool transport_is_through(int layout);

#endif /* TRANSPORT_H_ */
