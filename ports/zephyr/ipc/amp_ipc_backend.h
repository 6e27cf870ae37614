/* SPDX-License-Identifier: Apache-2.0 */
/* Instance data and tokens shared by both files of the ipc_service backend. */
#ifndef AMP_IPC_BACKEND_H_
#define AMP_IPC_BACKEND_H_

#include <errno.h>

#include <zephyr/device.h>
#include <zephyr/ipc/ipc_service_backend.h>
#include <zephyr/kernel.h>

/* The Rust code is built with the same values. */
#define AMP_IPC_ENDPOINTS   CONFIG_AMP_IVSHMEM_IPC_ENDPOINTS
#define AMP_IPC_BUFFERS_MAX CONFIG_AMP_IVSHMEM_IPC_BUFFERS_MAX
#include <amp_ipc.h>

#include "amp_ivshmem_driver.h"

/* The name under which an endpoint without a name is announced. */
#define UNNAMED "unnamed"

#define MESSAGE_MAX (CONFIG_AMP_IVSHMEM_IPC_BUFFER_SIZE - 16)

#if CONFIG_AMP_IVSHMEM_IPC_ISR_MESSAGES > 0
/* A message from an interrupt handler. */
struct amp_ipc_isr_message {
	uint32_t number;
	uint32_t length;
	uint8_t bytes[CONFIG_AMP_IVSHMEM_IPC_ISR_MESSAGE_SIZE];
};

#define ISR_BYTES (CONFIG_AMP_IVSHMEM_IPC_ISR_MESSAGES * sizeof(struct amp_ipc_isr_message))
#endif

struct ipc_data {
	/* Held during every call into Rust, and never during an application's callback. */
	struct k_mutex lock;
	/* Held during the application's callbacks, so that no callback runs once its endpoint has
	 * been deregistered. Taken before `lock`.
	 */
	struct k_mutex callbacks;
	/* Held while the instance is opened or closed. */
	struct k_mutex life;
	/* Signalled when transmit buffers may have been freed, or the link may have gone down.
	 * Used with `lock`.
	 */
	struct k_condvar freed;
	/* Given by the instance's thread when `result` holds the result of opening the link. */
	struct k_sem opened;
	int result;
	/* Given for each doorbell, and by calls that leave work for the thread. */
	struct k_sem wake;
	struct amp_ivshmem_listener listener;
	struct k_thread thread;
#ifdef CONFIG_AMP_IVSHMEM_IPC_LIFE_IN_CALLBACKS
	/* Keeps the heartbeat going while the thread is in a callback. */
	struct k_work_delayable life_work;
	bool in_callback;
#endif
	struct amp_ipc rust;
	const struct ipc_ept_cfg *endpoints[AMP_IPC_ENDPOINTS];
	bool open;
	bool stop;
#if CONFIG_AMP_IVSHMEM_IPC_ISR_MESSAGES > 0
	/* Messages from interrupt handlers, which the thread sends. */
	struct k_msgq isr_messages;
	char isr_buffer[ISR_BYTES] __aligned(4);
#endif
#ifdef CONFIG_AMP_IVSHMEM_IPC_RX_COPY
	uint8_t message[MESSAGE_MAX] __aligned(8);
#endif
};

/* A token is the endpoint's number plus 1, so that no token is NULL. */
static inline uint32_t amp_ipc_number(const void *token)
{
	return (uint32_t)((uintptr_t)token - 1);
}

int amp_ipc_errno(enum amp_ipc_status status);

/* Returns 0 if the caller may use the instance. Returns -EBUSY in an ISR, or if this thread already
 * holds the lock. This happens if the instance logs to a backend that sends over the same instance.
 * Returns -ENODEV if the instance has not been initialised.
 */
static inline int amp_ipc_may_lock(const struct device *dev)
{
	const struct ipc_data *data = dev->data;

	if (k_is_in_isr() || data->lock.owner == k_current_get()) {
		return -EBUSY;
	}
	return device_is_ready(dev) ? 0 : -ENODEV;
}

/* The members of `struct ipc_service_backend` that amp_ipc_endpoints.c implements. */
int amp_ipc_register_endpoint(const struct device *dev, void **token,
			      const struct ipc_ept_cfg *config);
int amp_ipc_deregister_endpoint(const struct device *dev, void *token);
int amp_ipc_send_copy(const struct device *dev, void *token, const void *message, size_t length);

#if CONFIG_AMP_IVSHMEM_IPC_ISR_MESSAGES > 0
/* Sends the messages that interrupt handlers have queued. Called with `lock` held. */
void amp_ipc_send_queued(struct ipc_data *data);
#endif

/* The members of `struct ipc_service_backend` that amp_ipc_buffers.c implements. */
int amp_ipc_get_tx_buffer_size(const struct device *dev, void *token);
int amp_ipc_get_tx_buffer(const struct device *dev, void *token, void **buffer, uint32_t *size,
			  k_timeout_t wait);
int amp_ipc_drop_tx_buffer(const struct device *dev, void *token, const void *buffer);
int amp_ipc_send_nocopy(const struct device *dev, void *token, const void *buffer, size_t length);
int amp_ipc_hold_rx_buffer(const struct device *dev, void *token, void *buffer);
int amp_ipc_release_rx_buffer(const struct device *dev, void *token, void *buffer);

#endif /* AMP_IPC_BACKEND_H_ */
