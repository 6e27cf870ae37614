/* SPDX-License-Identifier: Apache-2.0 */
/* Wraps the Zephyr macros and inline functions that Rust cannot call, for each ivshmem node in
 * devicetree.
 */
#include <zephyr/device.h>
#include <zephyr/drivers/virtualization/ivshmem.h>
#include <zephyr/kernel.h>
#include <zephyr/logging/log.h>
#include <zephyr/sys/atomic.h>

#include "amp_ivshmem_driver.h"

LOG_MODULE_DECLARE(amp_ivshmem, CONFIG_AMP_IVSHMEM_LOG_LEVEL);

/* One ivshmem node in devicetree. src/sys.rs documents the functions below. */
struct amp_rust_device {
	/* `listener.dev` is set when the device is first taken. */
	struct amp_ivshmem_listener listener;
	atomic_t taken;
	/* Given for each doorbell on any vector. The limit is 1. */
	struct k_sem rung;
	/* An amp_rust_watcher_t, or NULL. */
	atomic_ptr_t watcher;
};

/* Called from the ISR for each doorbell of a watched device. */
typedef void (*amp_rust_watcher_t)(struct amp_rust_device *device);

struct amp_rust_node {
	const struct device *dev;
	uint32_t ordinal;
};

/* Must match `Status` in src/sys.rs. */
enum amp_rust_status {
	AMP_RUST_OK = 0,
	AMP_RUST_IN_ISR = 1,
	AMP_RUST_NO_DEVICE = 2,
	AMP_RUST_NOT_READY = 3,
	AMP_RUST_NO_DOORBELL = 4,
	AMP_RUST_TAKEN = 5,
};

/* Must match the layout of `Taken` in src/sys.rs. */
struct amp_rust_taken {
	struct amp_rust_device *device;
	uintptr_t memory;
	uint32_t size;
	uint32_t id;
};

#define DEVICE(node)     {.dev = DEVICE_DT_GET(node), .ordinal = DT_DEP_ORD(node)},
/* Skips flat nodes, which have the PCI device's compatible as their second one. */
#define PCI_DEVICE(node) COND_CODE_1(DT_NODE_HAS_PROP(node, vendor_id), (DEVICE(node)), ())

static const struct amp_rust_node nodes[] = {
#ifdef CONFIG_AMP_IVSHMEM_FLAT
	DT_FOREACH_STATUS_OKAY(qemu_ivshmem_flat, DEVICE)
#endif
#ifdef CONFIG_AMP_IVSHMEM_PCI
		DT_FOREACH_STATUS_OKAY(qemu_ivshmem, PCI_DEVICE)
#endif
};

/* devices[i] belongs to nodes[i]. */
static struct amp_rust_device devices[ARRAY_SIZE(nodes)];

/* Maximum length of a single sleep in microseconds. It keeps the conversion to ticks within 32
 * bits. Callers must accept that a sleep ends early.
 */
#define LONGEST       (60 * USEC_PER_SEC)
/* Microseconds per tick. This is a whole number for all common values of
 * CONFIG_SYS_CLOCK_TICKS_PER_SEC.
 */
#define TICK          (USEC_PER_SEC / CONFIG_SYS_CLOCK_TICKS_PER_SEC)
#define TICK_IS_WHOLE (TICK > 0 && USEC_PER_SEC % CONFIG_SYS_CLOCK_TICKS_PER_SEC == 0)

/* Called from the ISR for each doorbell. */
static void rung(struct amp_ivshmem_listener *listener, uint16_t vector)
{
	struct amp_rust_device *device = CONTAINER_OF(listener, struct amp_rust_device, listener);
	/* Read only once, because another CPU may clear it in the meantime. */
	amp_rust_watcher_t watcher = (amp_rust_watcher_t)atomic_ptr_get(&device->watcher);

	ARG_UNUSED(vector);
	k_sem_give(&device->rung);
	if (watcher != NULL) {
		watcher(device);
	}
}

static enum amp_rust_status take(struct amp_rust_device *device, const struct device *dev,
				 struct amp_rust_taken *taken)
{
	taken->device = device;
	device->listener.dev = dev;
	if (!device_is_ready(dev)) {
		return AMP_RUST_NOT_READY;
	}
	/* The driver has checked that the address is not 0 and that the size fits in 32 bits. */
	taken->size = (uint32_t)ivshmem_get_mem(dev, &taken->memory);
	taken->id = ivshmem_get_id(dev);
	if (ivshmem_get_vectors(dev) == 0) {
		return AMP_RUST_NO_DOORBELL;
	}
	if (!atomic_cas(&device->taken, 0, 1)) {
		return AMP_RUST_TAKEN;
	}
	(void)atomic_ptr_clear(&device->watcher);
	(void)k_sem_init(&device->rung, 0, 1);
	/* Add the listener only once, because it cannot be removed. */
	if (device->listener.rung == NULL) {
		device->listener.rung = rung;
		amp_ivshmem_driver_listen(dev, &device->listener);
	}
	return AMP_RUST_OK;
}

enum amp_rust_status amp_rust_take(uint32_t ordinal, struct amp_rust_taken *taken)
{
	if (k_is_in_isr()) {
		return AMP_RUST_IN_ISR;
	}
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		if (nodes[i].ordinal == ordinal) {
			return take(&devices[i], nodes[i].dev, taken);
		}
	}
	return AMP_RUST_NO_DEVICE;
}

void amp_rust_give_back(struct amp_rust_device *device)
{
	atomic_clear(&device->taken);
}

const char *amp_rust_name(const struct amp_rust_device *device)
{
	return device->listener.dev->name;
}

uint16_t amp_rust_vectors(const struct amp_rust_device *device)
{
	return ivshmem_get_vectors(device->listener.dev);
}

int amp_rust_ring(const struct amp_rust_device *device, uint32_t peer, uint16_t vector)
{
	return ivshmem_int_peer(device->listener.dev, peer, vector);
}

uint64_t amp_rust_micros(void)
{
	uint32_t per_second = (uint32_t)sys_clock_hw_cycles_per_sec();
#ifdef CONFIG_TIMER_HAS_64BIT_CYCLE_COUNTER
	uint64_t cycles = k_cycle_get_64();
#else
	/* The cycle counter has only 32 bits. The upper bits come from the tick count, which is
	 * derived from the same clock and has the same origin.
	 */
	uint64_t about = k_ticks_to_cyc_floor64(k_uptime_ticks());
	uint64_t cycles = about + (int32_t)(k_cycle_get_32() - (uint32_t)about);
#endif

	/* The frequency is usually a constant, so the compiler can evaluate this condition. */
	if (per_second % USEC_PER_SEC == 0) {
		return cycles / (per_second / USEC_PER_SEC);
	}
	return cycles / per_second * USEC_PER_SEC + cycles % per_second * USEC_PER_SEC / per_second;
}

/* Returns the time from now to `until`, but at most LONGEST. */
static k_timeout_t timeout_of(uint64_t until)
{
	uint64_t now = amp_rust_micros();
	uint32_t micros;

	if (until <= now) {
		return K_NO_WAIT;
	}
	micros = (uint32_t)MIN(until - now, LONGEST);
	return K_TICKS(TICK_IS_WHOLE ? DIV_ROUND_UP(micros, TICK) : k_us_to_ticks_ceil32(micros));
}

void amp_rust_wait(struct amp_rust_device *device, uint64_t until)
{
	if (!k_is_in_isr()) {
		(void)k_sem_take(&device->rung, timeout_of(until));
	}
}

/* Separate from `devices`, so that the linker can drop this array if an image does not use watches.
 */
static struct amp_rust_watch {
	struct k_work_delayable work;
	void (*arrived)(const void *context);
	const void *context;
} watches[ARRAY_SIZE(nodes)];

static void work_arrived(struct k_work *work)
{
	struct amp_rust_watch *watch =
		CONTAINER_OF(k_work_delayable_from_work(work), struct amp_rust_watch, work);

	watch->arrived(watch->context);
}

static void hurry(struct amp_rust_device *device)
{
	(void)k_work_reschedule(&watches[device - devices].work, K_NO_WAIT);
}

void amp_rust_watch(struct amp_rust_device *device, void (*arrived)(const void *context),
		    const void *context, uint64_t until)
{
	struct amp_rust_watch *watch = &watches[device - devices];

	if (watch->arrived == NULL) {
		k_work_init_delayable(&watch->work, work_arrived);
	}
	watch->context = context;
	watch->arrived = arrived;
	(void)atomic_ptr_set(&device->watcher, (void *)hurry);
	/* A doorbell that has rung since the last watch is reported at once. A later doorbell
	 * makes the work item run before `until`.
	 */
	(void)k_work_reschedule(&watch->work, k_sem_take(&device->rung, K_NO_WAIT) == 0
						      ? K_NO_WAIT
						      : timeout_of(until));
}

void amp_rust_unwatch(struct amp_rust_device *device)
{
	struct amp_rust_watch *watch = &watches[device - devices];
	struct k_work_sync sync;

	(void)atomic_ptr_clear(&device->watcher);
	if (watch->arrived == NULL) {
		return;
	}
	/* If the work item is running, wait until it finishes, unless this is the thread that
	 * runs it.
	 */
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
