/* SPDX-License-Identifier: Apache-2.0 */
/* ipc_service's calls for endpoints and for messages that are copied: locks, waiting and errno
 * values.
 */
#include <errno.h>
#include <string.h>

#include "amp_ipc_backend.h"

int amp_ipc_register_endpoint(const struct device *dev, void **token,
			      const struct ipc_ept_cfg *config)
{
	struct ipc_data *data = dev->data;
	int refused = amp_ipc_may_lock(dev);
	enum amp_ipc_status status;
	const char *name;
	uint32_t number;

	if (refused < 0) {
		return refused;
	}
	if (config == NULL) {
		return -EINVAL;
	}
	name = config->name == NULL ? UNNAMED : config->name;
	k_mutex_lock(&data->lock, K_FOREVER);
	/* 33 bytes are enough to detect a name that is too long. */
	status = amp_ipc_register(&data->rust, name, strnlen(name, 33), &number);
	if (status == AMP_IPC_STATUS_OK) {
		data->endpoints[number] = config;
		*token = (void *)((uintptr_t)number + 1);
	}
	k_mutex_unlock(&data->lock);
	if (status == AMP_IPC_STATUS_OK) {
		/* The thread announces the endpoint. */
		k_sem_give(&data->wake);
	}
	return amp_ipc_errno(status);
}

int amp_ipc_deregister_endpoint(const struct device *dev, void *token)
{
	struct ipc_data *data = dev->data;
	int refused = amp_ipc_may_lock(dev);
	enum amp_ipc_status status;

	if (refused < 0) {
		return refused;
	}
	/* Waits for a running callback to finish, unless called from that callback. */
	k_mutex_lock(&data->callbacks, K_FOREVER);
	k_mutex_lock(&data->lock, K_FOREVER);
	status = amp_ipc_deregister(&data->rust, amp_ipc_number(token));
	if (status == AMP_IPC_STATUS_OK) {
		data->endpoints[amp_ipc_number(token)] = NULL;
	}
	k_mutex_unlock(&data->lock);
	k_mutex_unlock(&data->callbacks);
	k_sem_give(&data->wake);
	return amp_ipc_errno(status);
}

#if CONFIG_AMP_IVSHMEM_IPC_ISR_MESSAGES > 0
/* Queues a message for the instance's thread. */
static int send_in_isr(struct ipc_data *data, const void *token, const void *message, size_t length)
{
	struct amp_ipc_isr_message queued = {.number = amp_ipc_number(token), .length = length};

	if (!data->open) {
		return -EBUSY;
	}
	if (length > sizeof(queued.bytes)) {
		return -EBADMSG;
	}
	memcpy(queued.bytes, message, length);
	if (k_msgq_put(&data->isr_messages, &queued, K_NO_WAIT) != 0) {
		return -ENOMEM;
	}
	k_sem_give(&data->wake);
	return (int)length;
}

void amp_ipc_send_queued(struct ipc_data *data)
{
	struct amp_ipc_isr_message queued;

	/* The loop is bounded, because interrupt handlers may queue more messages meanwhile. */
	for (int i = 0; i < CONFIG_AMP_IVSHMEM_IPC_ISR_MESSAGES; i++) {
		/* If no buffer is free, the message stays at the head of the queue. */
		if (k_msgq_peek(&data->isr_messages, &queued) != 0 ||
		    amp_ipc_send(&data->rust, queued.number, queued.bytes, queued.length) ==
			    AMP_IPC_STATUS_NO_BUFFER) {
			return;
		}
		(void)k_msgq_get(&data->isr_messages, &queued, K_NO_WAIT);
	}
}
#endif

int amp_ipc_send_copy(const struct device *dev, void *token, const void *message, size_t length)
{
	k_timepoint_t end = sys_timepoint_calc(K_MSEC(CONFIG_AMP_IVSHMEM_IPC_SEND_WAIT_MS));
	struct ipc_data *data = dev->data;
	int refused = amp_ipc_may_lock(dev);
	/* A callback cannot wait for a buffer. It runs in the instance's thread, which is the only
	 * thread that notices returned buffers.
	 */
	bool last = CONFIG_AMP_IVSHMEM_IPC_SEND_WAIT_MS == 0 || k_current_get() == &data->thread;
	enum amp_ipc_status status;

	if (message == NULL) {
		return -EINVAL;
	}
#if CONFIG_AMP_IVSHMEM_IPC_ISR_MESSAGES > 0
	if (k_is_in_isr() && device_is_ready(dev)) {
		return send_in_isr(data, token, message, length);
	}
#endif
	if (refused < 0) {
		return refused;
	}
	k_mutex_lock(&data->lock, K_FOREVER);
	for (;;) {
		status = amp_ipc_send(&data->rust, amp_ipc_number(token), message, length);
		if (status != AMP_IPC_STATUS_NO_BUFFER || last) {
			break;
		}
		/* After a timeout, try once more. */
		last = k_condvar_wait(&data->freed, &data->lock, sys_timepoint_timeout(end)) != 0;
	}
	k_mutex_unlock(&data->lock);
	return status == AMP_IPC_STATUS_OK ? (int)length : amp_ipc_errno(status);
}
