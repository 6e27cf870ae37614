/* SPDX-License-Identifier: Apache-2.0 */
/* open-amp's device in each of the test's layouts. This code uses only the memory. It does not ring
 * doorbells or receive messages.
 */
#ifndef LAYOUTS_H_
#define LAYOUTS_H_

#include <stdbool.h>
#include <stdint.h>

#include <openamp/open_amp.h>

#define HOST IS_ENABLED(CONFIG_OPENAMP_MASTER)

/* These numbers match tests/openamp/src/layouts.rs. */
enum {
	DUAL_QEMU_IVSHMEM,
	RPMSG_SERVICE,
	STATIC_VRINGS,
	PAGES,
	SPLIT_POOL,
	RESOURCE_TABLE,
	LAYOUTS
};

const char *layout_name(int layout);
/* Selects a layout. The remote also publishes its resource table if the layout has one. Before
 * layout_start(), only the status is accessed.
 */
void layout_prepare(int layout, uintptr_t memory, size_t size);
/* Returns the address that open-amp's descriptors use for the first byte of the memory. */
metal_phys_addr_t layout_address(void);
/* Returns true if this side can start. The remote needs the host's status, and the host needs
 * the remote's table.
 */
bool layout_is_ready(void);
/* Returns true if the host is up. Always returns true on the host. */
bool layout_is_up(void);
/* Sets up the link. Returns 0 or open-amp's error. */
int layout_start(struct rpmsg_virtio_device *rpmsg, rpmsg_ns_bind_cb on_announced,
		 void (*ring)(void));
/* Tears down the link. The host resets its status. */
void layout_stop(struct rpmsg_virtio_device *rpmsg);

#endif /* LAYOUTS_H_ */
