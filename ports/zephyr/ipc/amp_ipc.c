/* SPDX-License-Identifier: Apache-2.0 */
/* The ipc_service backend: one thread per instance, locks, errno values and callbacks. */
#define DT_DRV_COMPAT amp_ivshmem_ipc_rpmsg

#include <errno.h>
#include <string.h>

#include <zephyr/device.h>
#include <zephyr/drivers/virtualization/ivshmem.h>
#include <zephyr/ipc/ipc_service_backend.h>
#include <zephyr/kernel.h>
#include <zephyr/logging/log.h>

#include "amp_ipc_backend.h"

LOG_MODULE_REGISTER(amp_ipc, CONFIG_AMP_IVSHMEM_LOG_LEVEL);

BUILD_ASSERT(IS_POWER_OF_TWO(CONFIG_AMP_IVSHMEM_IPC_BUFFERS),
	     "CONFIG_AMP_IVSHMEM_IPC_BUFFERS is no power of two");
BUILD_ASSERT(IS_POWER_OF_TWO(CONFIG_AMP_IVSHMEM_IPC_BUFFERS_MAX),
	     "CONFIG_AMP_IVSHMEM_IPC_BUFFERS_MAX is no power of two");
BUILD_ASSERT(CONFIG_AMP_IVSHMEM_IPC_BUFFER_SIZE % 8 == 0,
	     "CONFIG_AMP_IVSHMEM_IPC_BUFFER_SIZE is no multiple of 8");

struct ipc_config {
	const struct device *ivshmem;
	k_thread_stack_t *stack;
	uint32_t area_offset;
	uint32_t area_size;
	uint8_t link;
	bool host;
};

int amp_ipc_errno(enum amp_ipc_status status)
{
	switch (status) {
	case AMP_IPC_STATUS_OK:
		return 0;
	case AMP_IPC_STATUS_NOT_OPEN:
	case AMP_IPC_STATUS_NOT_BOUND:
		return -EBUSY;
	case AMP_IPC_STATUS_ALREADY_OPEN:
	case AMP_IPC_STATUS_STALE_BUFFER:
		return -EALREADY;
	case AMP_IPC_STATUS_NO_ROOM:
	case AMP_IPC_STATUS_NO_BUFFER:
		return -ENOMEM;
	case AMP_IPC_STATUS_NO_ENDPOINT:
		return -ENOENT;
	case AMP_IPC_STATUS_TOO_LONG:
		return -EBADMSG;
	case AMP_IPC_STATUS_UNKNOWN_BUFFER:
		return -ENXIO;
	default:
		return -EINVAL;
	}
}

/* Wakes the instance's thread. Called from the ISR for each instance on the device. */
static void rung(struct amp_ivshmem_listener *listener, uint16_t vector)
{
	struct ipc_data *data = CONTAINER_OF(listener, struct ipc_data, listener);

	ARG_UNUSED(vector);
	k_sem_give(&data->wake);
}

static int32_t on_ring(void *context, uint32_t peer, uint16_t vector)
{
	const struct device *dev = context;
	const struct ipc_config *config = dev->config;

	return ivshmem_int_peer(config->ivshmem, peer, vector);
}

static uint64_t on_now(void *context)
{
	ARG_UNUSED(context);
	return k_ticks_to_us_floor64(k_uptime_ticks());
}

static void on_log(void *context, enum amp_ipc_log level, const char *text)
{
	const struct device *dev = context;

	if (level == AMP_IPC_LOG_ERROR) {
		LOG_ERR("%s: %s", dev->name, text);
	} else {
		LOG_INF("%s: %s", dev->name, text);
	}
}

/* Calls the application's callback for an endpoint event. */
static void call_back(const struct device *dev, const struct ipc_ept_cfg *endpoint,
		      const struct amp_ipc_event *event)
{
	switch (event->kind) {
	case AMP_IPC_KIND_MESSAGE:
		if (endpoint->cb.received != NULL) {
			endpoint->cb.received(event->data, event->length, endpoint->priv);
		}
		break;
	case AMP_IPC_KIND_MESSAGE_TOO_LONG:
		LOG_ERR("%s: a message of %u bytes for %s is lost: raise "
			"CONFIG_AMP_IVSHMEM_IPC_BUFFER_SIZE to the peer's",
			dev->name, event->length,
			endpoint->name == NULL ? UNNAMED : endpoint->name);
		break;
	case AMP_IPC_KIND_BOUND:
		if (endpoint->cb.bound != NULL) {
			endpoint->cb.bound(endpoint->priv);
		}
		break;
	default:
#ifdef AMP_IPC_HAS_UNBOUND
		if (endpoint->cb.unbound != NULL) {
			endpoint->cb.unbound(endpoint->priv);
		}
#else
		if (endpoint->cb.error != NULL) {
			endpoint->cb.error("unbound", endpoint->priv);
		}
#endif
		break;
	}
}

#ifdef CONFIG_AMP_IVSHMEM_IPC_LIFE_IN_CALLBACKS
static void set_in_callback(struct ipc_data *data, bool in_callback)
{
	data->in_callback = in_callback;
}

/* Runs in the system work queue once per heartbeat interval, while the instance is open. */
static void show_life(struct k_work *work)
{
	struct k_work_delayable *delayable = k_work_delayable_from_work(work);
	struct ipc_data *data = CONTAINER_OF(delayable, struct ipc_data, life_work);

	k_mutex_lock(&data->lock, K_FOREVER);
	if (data->in_callback) {
		amp_ipc_show_life(&data->rust);
	}
	k_mutex_unlock(&data->lock);
	if (!data->stop) {
		(void)k_work_schedule(delayable, K_MSEC(CONFIG_AMP_IVSHMEM_IPC_HEARTBEAT_MS));
	}
}
#else
static void set_in_callback(struct ipc_data *data, bool in_callback)
{
	ARG_UNUSED(data);
	ARG_UNUSED(in_callback);
}
#endif

static void on_event(void *context, const struct amp_ipc_event *event)
{
	const struct device *dev = context;
	const struct ipc_config *config = dev->config;
	struct ipc_data *data = dev->data;
	const struct ipc_ept_cfg *endpoint;

	switch (event->kind) {
	case AMP_IPC_KIND_UP:
		LOG_INF("%s: peer %u is there", dev->name, event->length);
		return;
	case AMP_IPC_KIND_ROLE_CONFLICT:
		LOG_ERR("%s: peer %u is this link's %s, too: stop one of the two", dev->name,
			event->length, config->host ? "host" : "remote");
		return;
	case AMP_IPC_KIND_DOWN:
	case AMP_IPC_KIND_INCOMPATIBLE:
		/* Rust has already logged this event through on_log(). */
		return;
	default:
		break;
	}

	/* Release the lock, because the callback and other threads may use the instance during the
	 * callback.
	 */
	endpoint = data->endpoints[event->endpoint];
	set_in_callback(data, true);
	k_mutex_unlock(&data->lock);
	k_mutex_lock(&data->callbacks, K_FOREVER);
	/* The entry has changed if the endpoint has been deregistered in the meantime. */
	if (endpoint != NULL && data->endpoints[event->endpoint] == endpoint) {
		call_back(dev, endpoint, event);
	}
	k_mutex_unlock(&data->callbacks);
	k_mutex_lock(&data->lock, K_FOREVER);
	set_in_callback(data, false);
}

static const struct amp_ipc_callbacks callbacks = {
	.ring = on_ring,
	.now = on_now,
	.log = on_log,
	.event = on_event,
};

static int open_link(const struct device *dev)
{
	const struct ipc_config *config = dev->config;
	struct ipc_data *data = dev->data;
	uintptr_t memory;
	struct amp_ipc_setup setup = {
		.callbacks = &callbacks,
		.context = (void *)dev,
#ifdef CONFIG_AMP_IVSHMEM_IPC_RX_COPY
		.rx_buffer = data->message,
		.rx_capacity = sizeof(data->message),
#endif
		.heartbeat = CONFIG_AMP_IVSHMEM_IPC_HEARTBEAT_MS,
		.peer_timeout = CONFIG_AMP_IVSHMEM_IPC_SILENCE_MS,
		.area_offset = config->area_offset,
		.area_size = config->area_size,
		.buffer_size = CONFIG_AMP_IVSHMEM_IPC_BUFFER_SIZE,
		.buffer_count = CONFIG_AMP_IVSHMEM_IPC_BUFFERS,
		.link = config->link,
		.host = config->host,
	};
	enum amp_ipc_status status;

	if (!device_is_ready(config->ivshmem)) {
		LOG_ERR("%s: %s is not ready: its driver has logged the cause", dev->name,
			config->ivshmem->name);
		return -ENODEV;
	}
	if (ivshmem_get_vectors(config->ivshmem) == 0) {
		LOG_ERR("%s: %s has no doorbell", dev->name, config->ivshmem->name);
		return -ENOTSUP;
	}
	setup.size = ivshmem_get_mem(config->ivshmem, &memory);
	setup.memory = (void *)memory;
	setup.id = ivshmem_get_id(config->ivshmem);

	k_mutex_lock(&data->lock, K_FOREVER);
	status = amp_ipc_open(&data->rust, &setup);
	k_mutex_unlock(&data->lock);
	return amp_ipc_errno(status);
}

static void run(void *p1, void *p2, void *p3)
{
	const struct device *dev = p1;
	struct ipc_data *data = dev->data;

	ARG_UNUSED(p2);
	ARG_UNUSED(p3);
	/* The link is not opened in the caller's thread, because many threads do not have enough
	 * stack for it.
	 */
	data->result = open_link(dev);
	data->stop = data->result != 0;
	k_sem_give(&data->opened);
	while (!data->stop) {
		uint64_t deadline, time;

		k_mutex_lock(&data->lock, K_FOREVER);
#if CONFIG_AMP_IVSHMEM_IPC_ISR_MESSAGES > 0
		amp_ipc_send_queued(data);
#endif
		deadline = amp_ipc_poll(&data->rust);
		/* Wake threads that wait for a buffer, because the peer may have returned buffers
		 * or the link may have gone down.
		 */
		(void)k_condvar_broadcast(&data->freed);
		k_mutex_unlock(&data->lock);

		/* Wait for more work. A doorbell since the poll ends the wait at once. */
		time = on_now(NULL);
		if (deadline > time) {
			(void)k_sem_take(&data->wake, K_USEC(deadline - time));
		} else {
			/* A peer that never stops sending must not keep threads of this priority
			 * from running.
			 */
			k_yield();
		}
	}
}

static int open_instance(const struct device *dev)
{
	const struct ipc_config *config = dev->config;
	struct ipc_data *data = dev->data;
	int refused = amp_ipc_may_lock(dev);
	int result = -EALREADY;

	if (refused < 0) {
		return refused;
	}
	k_mutex_lock(&data->life, K_FOREVER);
	if (!data->open) {
		k_thread_create(&data->thread, config->stack, CONFIG_AMP_IVSHMEM_IPC_STACK_SIZE,
				run, (void *)dev, NULL, NULL, CONFIG_AMP_IVSHMEM_IPC_PRIORITY, 0,
				K_NO_WAIT);
		(void)k_thread_name_set(&data->thread, dev->name);
		(void)k_sem_take(&data->opened, K_FOREVER);
		result = data->result;
		data->open = result == 0;
#ifdef CONFIG_AMP_IVSHMEM_IPC_LIFE_IN_CALLBACKS
		if (data->open) {
			(void)k_work_schedule(&data->life_work, K_NO_WAIT);
		}
#endif
		if (result != 0) {
			(void)k_thread_join(&data->thread, K_FOREVER);
		}
	}
	k_mutex_unlock(&data->life);
	return result;
}

static int close_instance(const struct device *dev)
{
	struct ipc_data *data = dev->data;
	int result = amp_ipc_may_lock(dev);

	if (result < 0 || k_current_get() == &data->thread) {
		/* In a callback, the thread would wait for itself. */
		return result < 0 ? result : -EBUSY;
	}
	result = -EALREADY;
	k_mutex_lock(&data->life, K_FOREVER);
	if (data->open) {
		data->stop = true;
		k_sem_give(&data->wake);
		(void)k_thread_join(&data->thread, K_FOREVER);
#ifdef CONFIG_AMP_IVSHMEM_IPC_LIFE_IN_CALLBACKS
		(void)k_work_cancel_delayable(&data->life_work);
#endif
		data->open = false;
		k_mutex_lock(&data->lock, K_FOREVER);
		result = amp_ipc_errno(amp_ipc_close(&data->rust));
		memset(data->endpoints, 0, sizeof(data->endpoints));
		(void)k_condvar_broadcast(&data->freed);
		k_mutex_unlock(&data->lock);
	}
	k_mutex_unlock(&data->life);
	return result;
}

static const struct ipc_service_backend backend = {
	.open_instance = open_instance,
	.close_instance = close_instance,
	.register_endpoint = amp_ipc_register_endpoint,
	.deregister_endpoint = amp_ipc_deregister_endpoint,
	.send = amp_ipc_send_copy,
	.get_tx_buffer_size = amp_ipc_get_tx_buffer_size,
	.get_tx_buffer = amp_ipc_get_tx_buffer,
	.drop_tx_buffer = amp_ipc_drop_tx_buffer,
	.send_nocopy = amp_ipc_send_nocopy,
	.hold_rx_buffer = amp_ipc_hold_rx_buffer,
	.release_rx_buffer = amp_ipc_release_rx_buffer,
};

static int init(const struct device *dev)
{
	const struct ipc_config *config = dev->config;
	struct ipc_data *data = dev->data;

	k_mutex_init(&data->lock);
	k_mutex_init(&data->callbacks);
	k_mutex_init(&data->life);
	k_condvar_init(&data->freed);
	k_sem_init(&data->opened, 0, 1);
	k_sem_init(&data->wake, 0, 1);
#if CONFIG_AMP_IVSHMEM_IPC_ISR_MESSAGES > 0
	k_msgq_init(&data->isr_messages, data->isr_buffer, sizeof(struct amp_ipc_isr_message),
		    CONFIG_AMP_IVSHMEM_IPC_ISR_MESSAGES);
#endif
#ifdef CONFIG_AMP_IVSHMEM_IPC_LIFE_IN_CALLBACKS
	k_work_init_delayable(&data->life_work, show_life);
#endif
	data->listener.rung = rung;
	amp_ivshmem_driver_listen(config->ivshmem, &data->listener);
	return 0;
}

/* Value of a cell of the property `area`, or 0 if the property is absent. */
#define AREA(n, cell)                                                                              \
	COND_CODE_1(DT_INST_NODE_HAS_PROP(n, area), (DT_INST_PROP_BY_IDX(n, area, cell)), (0))

BUILD_ASSERT(CONFIG_AMP_IVSHMEM_IPC_INIT_PRIORITY > CONFIG_AMP_IVSHMEM_INIT_PRIORITY,
	     "CONFIG_AMP_IVSHMEM_IPC_INIT_PRIORITY must be after CONFIG_AMP_IVSHMEM_INIT_PRIORITY");

/* An instance must start after its ivshmem device. */
#define AMP_IPC(n)                                                                                 \
	BUILD_ASSERT(DT_NODE_HAS_STATUS(DT_INST_PHANDLE(n, ivshmem), okay),                        \
		     "the ivshmem device of this node is disabled");                               \
	static K_THREAD_STACK_DEFINE(stack_##n, CONFIG_AMP_IVSHMEM_IPC_STACK_SIZE);                \
	static const struct ipc_config config_##n = {                                              \
		.ivshmem = DEVICE_DT_GET(DT_INST_PHANDLE(n, ivshmem)),                             \
		.stack = stack_##n,                                                                \
		.area_offset = AREA(n, 0),                                                         \
		.area_size = AREA(n, 1),                                                           \
		.link = DT_INST_PROP(n, link),                                                     \
		.host = DT_INST_ENUM_IDX(n, role) == 0,                                            \
	};                                                                                         \
	static struct ipc_data data_##n;                                                           \
	DEVICE_DT_INST_DEFINE(n, init, NULL, &data_##n, &config_##n, POST_KERNEL,                  \
			      CONFIG_AMP_IVSHMEM_IPC_INIT_PRIORITY, &backend);

DT_INST_FOREACH_STATUS_OKAY(AMP_IPC)
