/* SPDX-License-Identifier: Apache-2.0 */
/* Implements Zephyr's ivshmem API on top of the Rust device. This file handles locks, errno values
 * and log messages. All other logic is in Rust.
 */
#include <errno.h>
#include <string.h>

#include <zephyr/kernel.h>
#include <zephyr/logging/log.h>

#include "amp_ivshmem_driver.h"

LOG_MODULE_REGISTER(amp_ivshmem, CONFIG_AMP_IVSHMEM_LOG_LEVEL);

static int errno_of(enum amp_ivshmem_status status)
{
	switch (status) {
	case AMP_IVSHMEM_STATUS_OK:
		return 0;
	case AMP_IVSHMEM_STATUS_NOT_STARTED:
		return -ENODEV;
	case AMP_IVSHMEM_STATUS_NO_DOORBELL:
		return -ENOSYS;
	case AMP_IVSHMEM_STATUS_NO_SERVER:
		return -EIO;
	default:
		return -EINVAL;
	}
}

int amp_ivshmem_driver_start(const struct device *dev, const struct amp_ivshmem_place *place)
{
	struct amp_ivshmem_data *data = dev->data;
	k_spinlock_key_t key = k_spin_lock(&data->lock);
	enum amp_ivshmem_status status = amp_ivshmem_start(&data->rust, place);
	uint32_t id = amp_ivshmem_id(&data->rust);

	k_spin_unlock(&data->lock, key);
	switch (status) {
	case AMP_IVSHMEM_STATUS_OK:
		LOG_INF("%s: peer %u, %u doorbell vector(s), %zu bytes of shared memory at %p",
			dev->name, id, place->vectors, place->size, (void *)place->memory);
		break;
	case AMP_IVSHMEM_STATUS_BAD_REGISTERS:
		LOG_ERR("%s: registers at %p: they must be at a multiple of 4; correct the node's "
			"reg",
			dev->name, (void *)place->registers);
		break;
	case AMP_IVSHMEM_STATUS_BAD_MEMORY:
		LOG_ERR("%s: %zu bytes of memory at %p: it must be a power of two of 4096 bytes to "
			"2 GiB, at a multiple of 8",
			dev->name, place->size, (void *)place->memory);
		break;
	case AMP_IVSHMEM_STATUS_NO_SERVER:
		LOG_ERR("%s: IVPOSITION is no peer's number: no server has greeted the device; "
			"start the server first",
			dev->name);
		break;
	default:
		LOG_ERR("%s: cannot start (%d)", dev->name, status);
		break;
	}
	return errno_of(status);
}

void amp_ivshmem_driver_stop(const struct device *dev)
{
	struct amp_ivshmem_data *data = dev->data;
	k_spinlock_key_t key = k_spin_lock(&data->lock);

	memset(&data->rust, 0, sizeof(data->rust));
	k_spin_unlock(&data->lock, key);
}

void amp_ivshmem_driver_interrupt(const struct device *dev, uint16_t vector)
{
	struct amp_ivshmem_data *data = dev->data;
	k_spinlock_key_t key = k_spin_lock(&data->lock);
	struct amp_ivshmem_listener *listener = data->listeners;
#ifdef CONFIG_AMP_IVSHMEM_SIGNALS
	struct k_poll_signal *signal = amp_ivshmem_interrupted(&data->rust, vector);

	if (signal != NULL) {
		(void)k_poll_signal_raise(signal, vector);
	}
#endif
	k_spin_unlock(&data->lock, key);
	for (; listener != NULL; listener = listener->next) {
		listener->rung(listener, vector);
	}
}

void amp_ivshmem_driver_listen(const struct device *dev, struct amp_ivshmem_listener *listener)
{
	struct amp_ivshmem_data *data = dev->data;
	k_spinlock_key_t key = k_spin_lock(&data->lock);

	listener->next = data->listeners;
	data->listeners = listener;
	k_spin_unlock(&data->lock, key);
}

/* The get_*() functions do not take the lock, because they read values that are constant once the
 * device has started.
 */
static size_t get_mem(const struct device *dev, uintptr_t *address)
{
	const struct amp_ivshmem_data *data = dev->data;
	void *memory;
	size_t size = amp_ivshmem_memory(&data->rust, &memory);

	*address = (uintptr_t)memory;
	return size;
}

static uint32_t get_id(const struct device *dev)
{
	const struct amp_ivshmem_data *data = dev->data;

	return amp_ivshmem_id(&data->rust);
}

static uint16_t get_vectors(const struct device *dev)
{
	const struct amp_ivshmem_data *data = dev->data;

	return amp_ivshmem_vectors(&data->rust);
}

static int int_peer(const struct device *dev, uint32_t peer, uint16_t vector)
{
	struct amp_ivshmem_data *data = dev->data;
	k_spinlock_key_t key = k_spin_lock(&data->lock);
	enum amp_ivshmem_status status = amp_ivshmem_ring(&data->rust, peer, vector);

	k_spin_unlock(&data->lock, key);
	return errno_of(status);
}

#ifdef CONFIG_AMP_IVSHMEM_SIGNALS
static int register_handler(const struct device *dev, struct k_poll_signal *signal, uint16_t vector)
{
	struct amp_ivshmem_data *data = dev->data;
	k_spinlock_key_t key = k_spin_lock(&data->lock);
	struct k_poll_signal *before = amp_ivshmem_interrupted(&data->rust, vector);
	enum amp_ivshmem_status status = amp_ivshmem_register(&data->rust, signal, vector);

	k_spin_unlock(&data->lock, key);
	/* Zephyr's API has one signal for each vector. Users of rpmsg and MBOX are listeners. */
	if (before != NULL && signal != NULL && before != signal) {
		LOG_WRN("%s: vector %u: the registered signal replaces another one, which is no "
			"longer raised",
			dev->name, vector);
	}
	return errno_of(status);
}
#else
static int register_handler(const struct device *dev, struct k_poll_signal *signal, uint16_t vector)
{
	ARG_UNUSED(dev);
	ARG_UNUSED(signal);
	ARG_UNUSED(vector);
	return -ENOTSUP;
}
#endif

/* Zephyr 4.5 asserts that the table is in the section of its class. Zephyr 4.0 has no DEVICE_API().
 */
#ifdef DEVICE_API
DEVICE_API(ivshmem, amp_ivshmem_api) = {
#else
const struct ivshmem_driver_api amp_ivshmem_api = {
#endif
	.get_mem = get_mem,
	.get_id = get_id,
	.get_vectors = get_vectors,
	.int_peer = int_peer,
	.register_handler = register_handler,
};
