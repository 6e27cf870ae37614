/* What Rust cannot name of Zephyr, its macros and inline functions, for each ivshmem node of devicetree. Decides nothing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/device.h>
#include <zephyr/drivers/virtualization/ivshmem.h>
#include <zephyr/kernel.h>
#include <zephyr/logging/log.h>
#include <zephyr/sys/atomic.h>

LOG_MODULE_DECLARE(amp_ivshmem, CONFIG_AMP_IVSHMEM_LOG_LEVEL);

/* Contracts, types and units of the functions: src/sys.rs. */
struct amp_rust_device {
	const struct device *dev;
	uint32_t ordinal;
	atomic_t taken;
	/* Raised by the driver for any of the device's vectors. */
	struct k_poll_signal rung;
	struct k_poll_event event;
	struct k_work_poll work;
	void (*arrived)(const void *context);
	const void *context;
};

#define DEVICE(node)     {.dev = DEVICE_DT_GET(node), .ordinal = DT_DEP_ORD(node)},
/* A flat node's second compatible is the PCI device's. */
#define PCI_DEVICE(node) COND_CODE_1(DT_NODE_HAS_PROP(node, vendor_id), (DEVICE(node)), ())

static struct amp_rust_device devices[] = {
#ifdef CONFIG_AMP_IVSHMEM_FLAT
	DT_FOREACH_STATUS_OKAY(qemu_ivshmem_flat, DEVICE)
#endif
#ifdef CONFIG_AMP_IVSHMEM_PCI
	DT_FOREACH_STATUS_OKAY(qemu_ivshmem, PCI_DEVICE)
#endif
};

struct amp_rust_device *amp_rust_find(uint32_t ordinal)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		if (devices[i].ordinal == ordinal) {
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
	return device->dev->name;
}

bool amp_rust_is_ready(const struct amp_rust_device *device)
{
	return device_is_ready(device->dev);
}

size_t amp_rust_memory(const struct amp_rust_device *device, uintptr_t *address)
{
	return ivshmem_get_mem(device->dev, address);
}

uint32_t amp_rust_id(const struct amp_rust_device *device)
{
	return ivshmem_get_id(device->dev);
}

uint16_t amp_rust_vectors(const struct amp_rust_device *device)
{
	return ivshmem_get_vectors(device->dev);
}

int amp_rust_ring(const struct amp_rust_device *device, uint32_t peer, uint16_t vector)
{
	return ivshmem_int_peer(device->dev, peer, vector);
}

static void work_arrived(struct k_work *work)
{
	struct amp_rust_device *device = CONTAINER_OF(work, struct amp_rust_device, work.work);

	/* First, so that a doorbell that rings while the context is told is not forgotten. */
	k_poll_signal_reset(&device->rung);
	device->arrived(device->context);
}

void amp_rust_prepare(struct amp_rust_device *device)
{
	k_poll_signal_init(&device->rung);
	k_poll_event_init(&device->event, K_POLL_TYPE_SIGNAL, K_POLL_MODE_NOTIFY_ONLY, &device->rung);
	device->arrived = NULL;
}

int amp_rust_listen(struct amp_rust_device *device, uint16_t vector, bool on)
{
	return ivshmem_register_handler(device->dev, on ? &device->rung : NULL, vector);
}

static k_timeout_t timeout_of(int64_t micros)
{
	return micros < 0 ? K_FOREVER : K_USEC(micros);
}

void amp_rust_wait(struct amp_rust_device *device, int64_t micros)
{
	device->event.state = K_POLL_STATE_NOT_READY;
	(void)k_poll(&device->event, 1, timeout_of(micros));
	k_poll_signal_reset(&device->rung);
}

void amp_rust_watch(struct amp_rust_device *device, void (*arrived)(const void *context), const void *context, int64_t micros)
{
	if (device->arrived == NULL) {
		k_work_poll_init(&device->work, work_arrived);
	}
	device->context = context;
	device->arrived = arrived;
	device->event.state = K_POLL_STATE_NOT_READY;
	/* Refused where the work is under way already: then the context is told at once, which is early but not wrong. */
	(void)k_work_poll_submit(&device->work, &device->event, 1, timeout_of(micros));
}

void amp_rust_unwatch(struct amp_rust_device *device)
{
	struct k_work_sync sync;

	(void)k_work_poll_cancel(&device->work);
	/* Under way already: wait until it is done, unless it would have to be done by this very thread. */
	if (k_current_get() != &k_sys_work_q.thread) {
		(void)k_work_flush(&device->work.work, &sync);
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
