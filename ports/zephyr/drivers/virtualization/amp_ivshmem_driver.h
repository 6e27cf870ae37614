/* SPDX-License-Identifier: Apache-2.0 */
/* The part that the PCI and the flat driver share: an instance, and its start. */
#ifndef AMP_IVSHMEM_DRIVER_H_
#define AMP_IVSHMEM_DRIVER_H_

#include <zephyr/device.h>
#include <zephyr/drivers/virtualization/ivshmem.h>
#include <zephyr/spinlock.h>

#include <amp_ivshmem.h>

/* Called for each doorbell, in its interrupt and without a lock. */
struct amp_ivshmem_listener {
	/* The listener's own data. */
	const struct device *dev;
	void (*rung)(struct amp_ivshmem_listener *listener, uint16_t vector);
	struct amp_ivshmem_listener *next;
};

/* The first member of each driver's `data`. */
struct amp_ivshmem_data {
	/* Held to ring, to register a handler, and to look it up. The ISR takes it too: after a
	 * handler is removed, it is not signalled again.
	 */
	struct k_spinlock lock;
	struct amp_ivshmem rust;
	/* New listeners are added at the head. */
	struct amp_ivshmem_listener *listeners;
};

/* The ivshmem_driver_api of both drivers. */
extern const struct ivshmem_driver_api amp_ivshmem_api;

/* Starts the device at `place`. Interrupts may occur at once. Logs a failure. Returns 0 or -errno.
 */
int amp_ivshmem_driver_start(const struct device *dev, const struct amp_ivshmem_place *place);

/* Stops a device that does not work. Every later call returns -ENODEV. */
void amp_ivshmem_driver_stop(const struct device *dev);

/* Signals the users of `vector`. Called in an ISR. */
void amp_ivshmem_driver_interrupt(const struct device *dev, uint16_t vector);

/* Calls `listener` for each later doorbell of the device. A listener cannot be removed. */
void amp_ivshmem_driver_listen(const struct device *dev, struct amp_ivshmem_listener *listener);

#endif /* AMP_IVSHMEM_DRIVER_H_ */
