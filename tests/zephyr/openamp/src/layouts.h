/* SPDX-License-Identifier: Apache-2.0 */
/* open-amp's device in each layout of the test. Depends on the memory only, not on doorbells or
 * receiving.
 */
#ifndef LAYOUTS_H_
#define LAYOUTS_H_

#include <stdbool.h>
#include <stdint.h>

#include <openamp/open_amp.h>

#define HOST IS_ENABLED(CONFIG_OPENAMP_MASTER)

/* Numbers as in tests/openamp/src/layouts.rs. */
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
/* Selects a layout. A remote with a resource table publishes the table. Only the status is read
 * before the start.
 */
void layout_prepare(int layout, uintptr_t memory, size_t size);
/* Address of the memory's first byte in open-amp's descriptors. */
metal_phys_addr_t layout_address(void);
/* Returns true if this side can begin: a remote needs the host's status, and a host needs a
 * remote's table.
 */
bool layout_is_ready(void);
/* Returns true if the host is still up. Always true on the host. */
bool layout_is_up(void);
/* Sets the link up. Returns 0 or open-amp's error. */
int layout_start(struct rpmsg_virtio_device *rpmsg, rpmsg_ns_bind_cb on_announced,
		 void (*ring)(void));
/* Takes the link down. The host resets its status. */
void layout_stop(struct rpmsg_virtio_device *rpmsg);

#endif /* LAYOUTS_H_ */
