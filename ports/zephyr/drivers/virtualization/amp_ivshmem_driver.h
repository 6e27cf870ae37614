/* SPDX-License-Identifier: Apache-2.0 */
/* What both drivers share: an instance, and starting it. Does not know how either finds its device.
 */
#ifndef AMP_IVSHMEM_DRIVER_H_
#define AMP_IVSHMEM_DRIVER_H_

#include <zephyr/device.h>
#include <zephyr/drivers/virtualization/ivshmem.h>
#include <zephyr/spinlock.h>

#include <amp_ivshmem.h>

/* Told of each doorbell in its interrupt, without a lock. */
struct amp_ivshmem_listener {
	/* The listener's own. */
	const struct device *dev;
	void (*rung)(struct amp_ivshmem_listener *listener, uint16_t vector);
	struct amp_ivshmem_listener *next;
};

/* First member of each driver's `data`. */
struct amp_ivshmem_data {
	/* Held to ring, to register and to ask who is registered; also in the ISR, so that once a
	 * handler was taken back it is not signalled.
	 */
	struct k_spinlock lock;
	struct amp_ivshmem rust;
	/* Grows at its head only. */
	struct amp_ivshmem_listener *listeners;
};

/* ivshmem_driver_api, for both. */
extern const struct ivshmem_driver_api amp_ivshmem_api;

/* Starts the device at `place`; interrupts may come at once. Logs what is wrong; 0 or -errno. */
int amp_ivshmem_driver_start(const struct device *dev, const struct amp_ivshmem_place *place);

/* As before it started: every call is answered with -ENODEV. For a device that turns out not to
 * work.
 */
void amp_ivshmem_driver_stop(const struct device *dev);

/* Says whom an interrupt of `vector` was for. From an ISR. */
void amp_ivshmem_driver_interrupt(const struct device *dev, uint16_t vector);

/* Has `listener`, which is never taken back, told of each doorbell of the device from now on. */
void amp_ivshmem_driver_listen(const struct device *dev, struct amp_ivshmem_listener *listener);

#endif /* AMP_IVSHMEM_DRIVER_H_ */
