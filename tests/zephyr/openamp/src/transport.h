/* What the test's traffic needs of the link: open-amp's device, set up and taken down, and waiting. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRANSPORT_H_
#define TRANSPORT_H_

#include <stdbool.h>

#include <openamp/open_amp.h>

#define HOST IS_ENABLED(CONFIG_OPENAMP_MASTER)

/* Takes the device. 0, or why not. */
int transport_open(void);
/* Sets the link up, on the remote as soon as there is a host. 0, or why not. */
int transport_start(rpmsg_ns_bind_cb on_announced);
/* From here on messages are received, in a thread of their own. */
void transport_receive(void);
/* Takes the link down. */
void transport_stop(void);
/* open-amp's device, between start and stop. */
struct rpmsg_device *transport_device(void);
/* Whether the host is still there; to the host always. */
bool transport_is_up(void);
/* Waits for the next doorbell, a millisecond at most. */
void transport_wait(void);

#endif /* TRANSPORT_H_ */
