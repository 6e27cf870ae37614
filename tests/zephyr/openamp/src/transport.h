/* SPDX-License-Identifier: Apache-2.0 */
/* The link under the test's traffic: sets open-amp's device up, takes it down, and waits. */
#ifndef TRANSPORT_H_
#define TRANSPORT_H_

#include <stdbool.h>

#include <openamp/open_amp.h>

#include "layouts.h"

/* Takes the device. Returns 0 or an error. */
int transport_open(void);
/* Sets the link up as soon as the peer is ready for it. Returns 0 or an error. */
int transport_start(int layout, rpmsg_ns_bind_cb on_announced);
/* Starts to receive messages, in a thread of its own. */
void transport_receive(void);
/* Takes the link down. */
void transport_stop(void);
/* Returns open-amp's device. Valid between start and stop. */
struct rpmsg_device *transport_device(void);
/* Waits for the next doorbell, for at most a millisecond. */
void transport_wait(void);
/* Reports that this side has finished a layout. */
void transport_through(int layout);
/* Returns true if the other side has finished it. */
bool transport_is_through(int layout);

#endif /* TRANSPORT_H_ */
