/* What Rust cannot name of Zephyr, its macros and inline functions, for each ivshmem node of devicetree. Decides nothing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/device.h>
#include <zephyr/drivers/virtualization/ivshmem.h>
#include <zephyr/kernel.h>
#include <zephyr/logging/log.h>
#include <zephyr/sys/atomic.h>

#include "amp_ivshmem_driver.h"

LOG_MODULE_DECLARE(amp_ivshmem, CONFIG_AMP_IVSHMEM_LOG_LEVEL);

/* Contracts, types and units of the functions: src/sys.rs. */
struct amp_rust_device {
	atomic_t taken;
	bool listening;
	struct amp_ivshmem_listener listener;
	/* Given for each doorbell, whatever its vector; 1 at most. */
	struct k_sem rung;
	/* Called for each doorbell, in its interrupt, where somebody watches. */
	void (*watcher)(struct amp_rust_device *device);
};

struct amp_rust_node {
	const struct device *dev;
	uint32_t ordinal;
};

#define DEVICE(node)     {.dev = DEVICE_DT_GET(node), .ordinal = DT_DEP_ORD(node)},
/* A flat node's second compatible is the PCI device's. */
#define PCI_DEVICE(node) COND_CODE_1(DT_NODE_HAS_PROP(node, vendor_id), (DEVICE(node)), ())

static const struct amp_rust_node nodes[] = {
#ifdef CONFIG_AMP_IVSHMEM_FLAT
	DT_FOREACH_STATUS_OKAY(qemu_ivshmem_flat, DEVICE)
#endif
#ifdef CONFIG_AMP_IVSHMEM_PCI
	DT_FOREACH_STATUS_OKAY(qemu_ivshmem, PCI_DEVICE)
#endif
};

/* nodes[i] is devices[i]. */
static struct amp_rust_device devices[ARRAY_SIZE(nodes)];

static const struct device *dev_of(const struct amp_rust_device *device)
{
	return nodes[device - devices].dev;
}

struct amp_rust_device *amp_rust_find(uint32_t ordinal)
{
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		if (nodes[i].ordinal == ordinal) {
			return &devices[i];
		}
	}
	return NULL;
}

bool amp_rust_claim(struct amp_rust_device *device)
{
	return atomic_cas(&device->taken, 0, 1);
}

void amp_rust_unclaim(struct amp_rust_device *device)
{
	atomic_clear(&device->taken);
}

const char *amp_rust_name(const struct amp_rust_device *device)
{
	return dev_of(device)->name;
}

bool amp_rust_is_ready(const struct amp_rust_device *device)
{
	return device_is_ready(dev_of(device));
}

size_t amp_rust_memory(const struct amp_rust_device *device, uintptr_t *address)
{
	return ivshmem_get_mem(dev_of(device), address);
}

uint32_t amp_rust_id(const struct amp_rust_device *device)
{
	return ivshmem_get_id(dev_of(device));
}

uint16_t amp_rust_vectors(const struct amp_rust_device *device)
{
	return ivshmem_get_vectors(dev_of(device));
}

int amp_rust_ring(const struct amp_rust_device *device, uint32_t peer, uint16_t vector)
{
	return ivshmem_int_peer(dev_of(device), peer, vector);
}

/* In the doorbell's interrupt. */
static void rung(const struct device *dev, uint16_t vector)
{
	ARG_UNUSED(vector);
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		if (nodes[i].dev == dev) {
			k_sem_give(&devices[i].rung);
			if (devices[i].watcher != NULL) {
				devices[i].watcher(&devices[i]);
			}
		}
	}
}

void amp_rust_prepare(struct amp_rust_device *device)
{
	device->watcher = NULL;
	(void)k_sem_init(&device->rung, 0, 1);
	/* A listener is never taken back. */
	if (!device->listening) {
		device->listening = true;
		device->listener.dev = dev_of(device);
		device->listener.rung = rung;
		amp_ivshmem_driver_listen(device->listener.dev, &device->listener);
	}
}

static k_timeout_t timeout_of(int64_t micros)
{
	return micros < 0 ? K_FOREVER : K_USEC(micros);
}

void amp_rust_wait(struct amp_rust_device *device, int64_t micros)
{
	(void)k_sem_take(&device->rung, timeout_of(micros));
}

/* Apart from the devices, because only an image that watches needs them. */
static struct amp_rust_watch {
	struct k_work_delayable work;
	void (*arrived)(const void *context);
	const void *context;
} watches[ARRAY_SIZE(nodes)];

static void work_arrived(struct k_work *work)
{
	struct amp_rust_watch *watch = CONTAINER_OF(k_work_delayable_from_work(work), struct amp_rust_watch, work);

	watch->arrived(watch->context);
}

static void hurry(struct amp_rust_device *device)
{
	(void)k_work_reschedule(&watches[device - devices].work, K_NO_WAIT);
}

void amp_rust_watch(struct amp_rust_device *device, void (*arrived)(const void *context), const void *context, int64_t micros)
{
	struct amp_rust_watch *watch = &watches[device - devices];

	if (watch->arrived == NULL) {
		k_work_init_delayable(&watch->work, work_arrived);
	}
	watch->context = context;
	watch->arrived = arrived;
	device->watcher = hurry;
	/* What has rung since the last time is told at once; what rings from here on hurries the work. */
	(void)k_work_reschedule(&watch->work, k_sem_take(&device->rung, K_NO_WAIT) == 0 ? K_NO_WAIT : timeout_of(micros));
}

void amp_rust_unwatch(struct amp_rust_device *device)
{
	struct amp_rust_watch *watch = &watches[device - devices];
	struct k_work_sync sync;

	device->watcher = NULL;
	if (watch->arrived == NULL) {
		return;
	}
	/* Under way already: wait until it is done, unless it would have to be done by this very thread. */
	if (k_current_get() == &k_sys_work_q.thread) {
		(void)k_work_cancel_delayable(&watch->work);
	} else {
		(void)k_work_cancel_delayable_sync(&watch->work, &sync);
	}
}

bool amp_rust_in_isr(void)
{
	return k_is_in_isr();
}

uint64_t amp_rust_cycles(uint32_t *per_second)
{
	*per_second = (uint32_t)sys_clock_hw_cycles_per_sec();
#ifdef CONFIG_TIMER_HAS_64BIT_CYCLE_COUNTER
	return k_cycle_get_64();
#else
	/* Of 32 bits, completed from the ticks, which count the same clock from the same start. */
	uint64_t about = k_ticks_to_cyc_floor64(k_uptime_ticks());

	return about + (int32_t)(k_cycle_get_32() - (uint32_t)about);
#endif
}

void amp_rust_print(const char *text, size_t length)
{
	printk("%.*s", (int)length, text);
}

void amp_rust_log(uint32_t level, const char *text)
{
	switch (level) {
	case LOG_LEVEL_ERR:
		LOG_ERR("%s", text);
		break;
	case LOG_LEVEL_WRN:
		LOG_WRN("%s", text);
		break;
	case LOG_LEVEL_INF:
		LOG_INF("%s", text);
		break;
	default:
		LOG_DBG("%s", text);
		break;
	}
}
