/* SPDX-License-Identifier: Apache-2.0 */
/* Instance data and start-up code shared by the PCI and flat drivers. */
#ifndef AMP_IVSHMEM_DRIVER_H_
#define AMP_IVSHMEM_DRIVER_H_

#include <zephyr/device.h>
#include <zephyr/drivers/virtualization/ivshmem.h>
#include <zephyr/spinlock.h>

#include <amp_ivshmem.h>

/* Listens for the doorbells of a device. */
struct amp_ivshmem_listener {
	/* For the listener's own use. */
	const struct device *dev;
	/* Called for each doorbell, from the ISR and without the lock. */
	void (*rung)(struct amp_ivshmem_listener *listener, uint16_t vector);
	struct amp_ivshmem_listener *next;
};

/* Must be the first member of each driver's data. */
struct amp_ivshmem_data {
	/* Held while ringing, and while registering or looking up a handler. The ISR also takes
	 * this lock, so that a handler is not signalled once it has been removed.
	 */
	struct k_spinlock lock;
	struct amp_ivshmem rust;
	/* New listeners are added at the head. */
	struct amp_ivshmem_listener *listeners;
};

/* The ivshmem API of both drivers. */
extern const struct ivshmem_driver_api amp_ivshmem_api;

/* Starts the device at `place`, and logs any failure. Interrupts may arrive before this returns.
 * Returns 0 or -errno.
 */
int amp_ivshmem_driver_start(const struct device *dev, const struct amp_ivshmem_place *place);

/* Stops a device that does not work. Ringing or registering a handler then returns -ENODEV. */
void amp_ivshmem_driver_stop(const struct device *dev);

/* Signals the users of `vector`. Called from the ISR. */
void amp_ivshmem_driver_interrupt(const struct device *dev, uint16_t vector);

/* Adds a listener, which is called for each later doorbell of the device. It cannot be removed. */
void amp_ivshmem_driver_listen(const struct device *dev, struct amp_ivshmem_listener *listener);

#endif /* AMP_IVSHMEM_DRIVER_H_ */
