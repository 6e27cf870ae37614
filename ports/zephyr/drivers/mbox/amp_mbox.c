/* SPDX-License-Identifier: Apache-2.0 */
/* Implements Zephyr's MBOX API with the doorbell of an ivshmem device. Channel n is vector n. The
 * channels carry signals without data.
 */
#define DT_DRV_COMPAT amp_ivshmem_mbox

#include <errno.h>

#include <zephyr/device.h>
#include <zephyr/drivers/mbox.h>
#include <zephyr/drivers/virtualization/ivshmem.h>
#include <zephyr/logging/log.h>
#include <zephyr/spinlock.h>
#include <zephyr/sys/util.h>

#include "amp_ivshmem_driver.h"

LOG_MODULE_REGISTER(amp_mbox, CONFIG_AMP_IVSHMEM_LOG_LEVEL);

/* Maximum number of channels. A flat device has only one vector. */
#ifdef CONFIG_AMP_IVSHMEM_VECTORS
#define CHANNELS CONFIG_AMP_IVSHMEM_VECTORS
#else
#define CHANNELS 1
#endif

/* Peer id that selects the other side of a pair (ids 0 and 1, 2 and 3, and so on). */
#define OTHER -1

struct channel {
	mbox_callback_t callback;
	void *user_data;
	bool enabled;
	/* A doorbell arrived while the channel was disabled. */
	bool pending;
};

struct mbox_config {
	const struct device *ivshmem;
	int64_t peer;
};

struct mbox_data {
	struct k_spinlock lock;
	struct amp_ivshmem_listener listener;
	struct channel channels[CHANNELS];
};

/* Returns the number of channels, or 0 if the device has no doorbell or is not ready. */
static uint32_t channels_of(const struct device *dev)
{
	const struct mbox_config *config = dev->config;

	return MIN(ivshmem_get_vectors(config->ivshmem), CHANNELS);
}

/* Handles a doorbell. Called from the ISR. */
static void rung(struct amp_ivshmem_listener *listener, uint16_t vector)
{
	const struct device *dev = listener->dev;
	struct mbox_data *data = dev->data;
	mbox_callback_t callback = NULL;
	void *user_data = NULL;
	k_spinlock_key_t key;

	if (vector >= CHANNELS) {
		return;
	}
	key = k_spin_lock(&data->lock);
	if (data->channels[vector].enabled) {
		callback = data->channels[vector].callback;
		user_data = data->channels[vector].user_data;
	} else {
		data->channels[vector].pending = true;
	}
	k_spin_unlock(&data->lock, key);
	/* The lock is not held here, because the callback may send or disable its channel. */
	if (callback != NULL) {
		callback(dev, vector, user_data, NULL);
	}
}

static int send(const struct device *dev, mbox_channel_id_t channel, const struct mbox_msg *message)
{
	const struct mbox_config *config = dev->config;
	uint32_t peer = config->peer == OTHER ? ivshmem_get_id(config->ivshmem) ^ 1
					      : (uint32_t)config->peer;

	if (message != NULL) {
		return -EMSGSIZE;
	}
	if (channel >= channels_of(dev)) {
		return -EINVAL;
	}
	return ivshmem_int_peer(config->ivshmem, peer, (uint16_t)channel);
}

static int register_callback(const struct device *dev, mbox_channel_id_t channel,
			     mbox_callback_t callback, void *user_data)
{
	struct mbox_data *data = dev->data;
	k_spinlock_key_t key;

	if (channel >= channels_of(dev)) {
		return -EINVAL;
	}
	key = k_spin_lock(&data->lock);
	data->channels[channel].callback = callback;
	data->channels[channel].user_data = user_data;
	k_spin_unlock(&data->lock, key);
	return 0;
}

static int mtu_get(const struct device *dev)
{
	ARG_UNUSED(dev);
	return 0;
}

static uint32_t max_channels_get(const struct device *dev)
{
	return channels_of(dev);
}

static int set_enabled(const struct device *dev, mbox_channel_id_t channel, bool enabled)
{
	const struct mbox_config *config = dev->config;
	struct mbox_data *data = dev->data;
	bool pending;
	k_spinlock_key_t key;

	if (channel >= channels_of(dev)) {
		return -EINVAL;
	}
	key = k_spin_lock(&data->lock);
	if (data->channels[channel].enabled == enabled) {
		k_spin_unlock(&data->lock, key);
		return -EALREADY;
	}
	data->channels[channel].enabled = enabled;
	pending = enabled && data->channels[channel].pending;
	data->channels[channel].pending = false;
	k_spin_unlock(&data->lock, key);
	/* Rings this machine's own doorbell, so that an interrupt delivers the pending signal. */
	return pending ? ivshmem_int_peer(config->ivshmem, ivshmem_get_id(config->ivshmem),
					  (uint16_t)channel)
		       : 0;
}

#ifdef DEVICE_API
static DEVICE_API(mbox, api) = {
#else
static const struct mbox_driver_api api = {
#endif
	.send = send,
	.register_callback = register_callback,
	.mtu_get = mtu_get,
	.max_channels_get = max_channels_get,
	.set_enabled = set_enabled,
};

static int init(const struct device *dev)
{
	const struct mbox_config *config = dev->config;
	struct mbox_data *data = dev->data;

	if (!device_is_ready(config->ivshmem)) {
		LOG_ERR("%s: %s is not ready: its driver has logged the cause", dev->name,
			config->ivshmem->name);
		return -ENODEV;
	}
	if (channels_of(dev) == 0) {
		LOG_ERR("%s: %s has no doorbell", dev->name, config->ivshmem->name);
		return -ENOTSUP;
	}
	data->listener = (struct amp_ivshmem_listener){.dev = dev, .rung = rung};
	amp_ivshmem_driver_listen(config->ivshmem, &data->listener);
	return 0;
}

BUILD_ASSERT(
	CONFIG_AMP_IVSHMEM_MBOX_INIT_PRIORITY > CONFIG_AMP_IVSHMEM_INIT_PRIORITY,
	"CONFIG_AMP_IVSHMEM_MBOX_INIT_PRIORITY must be after CONFIG_AMP_IVSHMEM_INIT_PRIORITY");

#define AMP_MBOX(n)                                                                                \
	BUILD_ASSERT(DT_NODE_HAS_STATUS(DT_INST_PHANDLE(n, ivshmem), okay),                        \
		     "the ivshmem device of this node is disabled");                               \
	BUILD_ASSERT(IN_RANGE(DT_INST_PROP_OR(n, peer_id, 0), 0, UINT16_MAX),                      \
		     "peer-id: peers end at 65535");                                               \
	static const struct mbox_config config_##n = {                                             \
		.ivshmem = DEVICE_DT_GET(DT_INST_PHANDLE(n, ivshmem)),                             \
		.peer = DT_INST_PROP_OR(n, peer_id, OTHER),                                        \
	};                                                                                         \
	static struct mbox_data data_##n;                                                          \
	DEVICE_DT_INST_DEFINE(n, init, NULL, &data_##n, &config_##n, POST_KERNEL,                  \
			      CONFIG_AMP_IVSHMEM_MBOX_INIT_PRIORITY, &api);

DT_INST_FOREACH_STATUS_OKAY(AMP_MBOX)
