/* The layouts that the test goes through: open-amp's device in each. Knows the memory, not who rings or receives. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LAYOUTS_H_
#define LAYOUTS_H_

#include <stdbool.h>
#include <stdint.h>

#include <openamp/open_amp.h>

#define HOST IS_ENABLED(CONFIG_OPENAMP_MASTER)

/* As tests/openamp/src/layouts.rs numbers them. */
enum { DUAL_QEMU_IVSHMEM, RPMSG_SERVICE, STATIC_VRINGS, PAGES, SPLIT_POOL, RESOURCE_TABLE, LAYOUTS };

const char *layout_name(int layout);
/* Goes to a layout; on a remote with a resource table it publishes that. Until the start, only the status is looked at. */
void layout_prepare(int layout, uintptr_t memory, size_t size);
/* What open-amp's descriptors have for the memory's first byte. */
metal_phys_addr_t layout_address(void);
/* Whether there is anything for this side to begin with: a remote needs the host's status, a host a remote's table. */
bool layout_is_ready(void);
/* Whether the host is still there; to the host always. */
bool layout_is_up(void);
/* Sets the link up. 0, or open-amp's error. */
int layout_start(struct rpmsg_virtio_device *rpmsg, rpmsg_ns_bind_cb on_announced, void (*ring)(void));
/* Takes it down; the host takes its status back. */
void layout_stop(struct rpmsg_virtio_device *rpmsg);

#endif /* LAYOUTS_H_ */
