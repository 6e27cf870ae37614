/* SPDX-License-Identifier: Apache-2.0 */
/* Instance data and tokens shared by both files of the ipc_service backend. */
#ifndef AMP_IPC_BACKEND_H_
#define AMP_IPC_BACKEND_H_

#include <zephyr/device.h>
#include <zephyr/ipc/ipc_service_backend.h>
#include <zephyr/kernel.h>

/* The Rust code is built with the same values. */
#define AMP_IPC_ENDPOINTS   CONFIG_AMP_IVSHMEM_IPC_ENDPOINTS
#define AMP_IPC_BUFFERS_MAX CONFIG_AMP_IVSHMEM_IPC_BUFFERS_MAX
#include <amp_ipc.h>

#include "amp_ivshmem_driver.h"

#define MESSAGE_MAX (CONFIG_AMP_IVSHMEM_IPC_BUFFER_SIZE - 16)

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
	struct amp_ipc rust;
	const struct ipc_ept_cfg *endpoints[AMP_IPC_ENDPOINTS];
	bool open;
	bool stop;
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

/* The members of `struct ipc_service_backend` that amp_ipc_buffers.c implements. */
int amp_ipc_get_tx_buffer_size(const struct device *dev, void *token);
int amp_ipc_get_tx_buffer(const struct device *dev, void *token, void **buffer, uint32_t *size,
			  k_timeout_t wait);
int amp_ipc_drop_tx_buffer(const struct device *dev, void *token, const void *buffer);
int amp_ipc_send_nocopy(const struct device *dev, void *token, const void *buffer, size_t length);
int amp_ipc_hold_rx_buffer(const struct device *dev, void *token, void *buffer);
int amp_ipc_release_rx_buffer(const struct device *dev, void *token, void *buffer);

#endif /* AMP_IPC_BACKEND_H_ */
