/* SPDX-License-Identifier: Apache-2.0 */
/* The zero-copy calls of ipc_service: locks, waiting and errno values. Rust tracks who owns each
 * buffer.
 */
#include <errno.h>

#include "amp_ipc_backend.h"

int amp_ipc_get_tx_buffer_size(const struct device *dev, void *token)
{
	struct ipc_data *data = dev->data;
	int refused = amp_ipc_may_lock(dev);
	uint32_t size;

	ARG_UNUSED(token);
	if (refused < 0) {
		return refused;
	}
	k_mutex_lock(&data->lock, K_FOREVER);
	size = amp_ipc_max_message(&data->rust);
	k_mutex_unlock(&data->lock);
	return size == 0 ? MESSAGE_MAX : (int)size;
}

int amp_ipc_get_tx_buffer(const struct device *dev, void *token, void **buffer, uint32_t *size,
			  k_timeout_t wait)
{
	struct ipc_data *data = dev->data;
	int refused = amp_ipc_may_lock(dev);
	k_timepoint_t end = sys_timepoint_calc(wait);
	/* A callback cannot wait for a buffer. It runs in the instance's thread, which is the only
	 * thread that notices returned buffers.
	 */
	bool last = K_TIMEOUT_EQ(wait, K_NO_WAIT) || k_current_get() == &data->thread;
	enum amp_ipc_status status;
	/* A private copy, because the caller's `size` may be in shared memory. */
	uint32_t bytes;
	void *found = NULL;

	if (refused < 0) {
		return refused;
	}
	if (buffer == NULL || size == NULL) {
		return -EINVAL;
	}
	bytes = *size;
	k_mutex_lock(&data->lock, K_FOREVER);
	for (;;) {
		status = amp_ipc_reserve(&data->rust, amp_ipc_number(token), &bytes, &found);
		if (status != AMP_IPC_STATUS_NO_BUFFER || last) {
			break;
		}
		/* After a timeout, try once more. */
		last = k_condvar_wait(&data->freed, &data->lock, sys_timepoint_timeout(end)) != 0;
	}
	k_mutex_unlock(&data->lock);
	*size = bytes;
	switch (status) {
	case AMP_IPC_STATUS_OK:
		*buffer = found;
		return 0;
	case AMP_IPC_STATUS_NO_BUFFER:
		return -ENOBUFS;
	case AMP_IPC_STATUS_TOO_LONG:
		return -ENOMEM;
	default:
		return amp_ipc_errno(status);
	}
}

int amp_ipc_drop_tx_buffer(const struct device *dev, void *token, const void *buffer)
{
	struct ipc_data *data = dev->data;
	int refused = amp_ipc_may_lock(dev);
	enum amp_ipc_status status;

	if (refused < 0) {
		return refused;
	}
	k_mutex_lock(&data->lock, K_FOREVER);
	status = amp_ipc_drop(&data->rust, amp_ipc_number(token), buffer);
	(void)k_condvar_broadcast(&data->freed);
	k_mutex_unlock(&data->lock);
	return amp_ipc_errno(status);
}

int amp_ipc_send_nocopy(const struct device *dev, void *token, const void *buffer, size_t length)
{
	struct ipc_data *data = dev->data;
	int refused = amp_ipc_may_lock(dev);
	enum amp_ipc_status status;

	if (refused < 0) {
		return refused;
	}
	k_mutex_lock(&data->lock, K_FOREVER);
	status = amp_ipc_send_reserved(&data->rust, amp_ipc_number(token), buffer, length);
	k_mutex_unlock(&data->lock);
	return status == AMP_IPC_STATUS_OK ? (int)length : amp_ipc_errno(status);
}

/* Calls `call` for a received buffer, with the lock held. Fails if messages are copied. */
static int with_rx_buffer(const struct device *dev, void *token, void *buffer,
			  enum amp_ipc_status (*call)(struct amp_ipc *ipc, uint32_t number,
						      const void *data))
{
	struct ipc_data *data = dev->data;
	int refused = amp_ipc_may_lock(dev);
	enum amp_ipc_status status;

	if (IS_ENABLED(CONFIG_AMP_IVSHMEM_IPC_RX_COPY)) {
		return -ENOTSUP;
	}
	if (refused < 0) {
		return refused;
	}
	k_mutex_lock(&data->lock, K_FOREVER);
	status = call(&data->rust, amp_ipc_number(token), buffer);
	k_mutex_unlock(&data->lock);
	return amp_ipc_errno(status);
}

int amp_ipc_hold_rx_buffer(const struct device *dev, void *token, void *buffer)
{
	return with_rx_buffer(dev, token, buffer, amp_ipc_hold);
}

int amp_ipc_release_rx_buffer(const struct device *dev, void *token, void *buffer)
{
	return with_rx_buffer(dev, token, buffer, amp_ipc_release);
}
