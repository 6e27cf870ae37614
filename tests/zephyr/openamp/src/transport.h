/* SPDX-License-Identifier: Apache-2.0 */
/* The link that carries the test's traffic. Sets up and tears down open-amp's device, and waits for
 * doorbells.
 */
#ifndef TRANSPORT_H_
#define TRANSPORT_H_

#include <stdbool.h>

#include <openamp/open_amp.h>

#include "layouts.h"

/* Opens the device. Returns 0 or an error. */
int transport_open(void);
/* Sets up the link once the peer is ready. Returns 0 or an error. */
int transport_start(int layout, rpmsg_ns_bind_cb on_announced);
/* Starts receiving messages in a separate thread. */
void transport_receive(void);
/* Tears down the link. */
void transport_stop(void);
/* Returns open-amp's device, which is valid between transport_start() and transport_stop(). */
struct rpmsg_device *transport_device(void);
/* Waits for the next doorbell for at most one millisecond. */
void transport_wait(void);
/* Reports that this side has finished a layout. */
void transport_through(int layout);
/* Returns true if the other side has finished the layout. */
bool transport_is_through(int layout);

#endif /* TRANSPORT_H_ */
