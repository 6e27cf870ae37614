/* SPDX-License-Identifier: Apache-2.0 */
/* Runs open-amp on an ivshmem device, with the doorbell on vector 0 and a receiving thread.
 *
 * A region that OpenAMP's layouts do not use holds additional words. Each side publishes its peer
 * id, which changes on a restart, and the number of layouts that it has finished. This side also
 * publishes the address at which the memory is mapped, because a Rust host needs it. As long as the
 * peer's words are empty, this side rings the neighbouring peer id. OpenAMP's sample does the same.
 */
#include "transport.h"

#include <zephyr/device.h>
#include <zephyr/drivers/virtualization/ivshmem.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/barrier.h>

/* Offset of this side's words:
 *
 * - peer id plus one
 * - address of the first byte of the memory, low and high half
 * - number of layouts begun; the address is valid for the last of these layouts
 * - number of layouts finished
 */
#define C_WORDS     0x80000
/* Offset of the other side's words: its peer id plus one, and the number of layouts finished. */
#define OTHER_WORDS 0x80020

static const struct device *const ivshmem = DEVICE_DT_GET(DT_NODELABEL(ivshmem0));
static uintptr_t memory;
static size_t size;
static struct rpmsg_virtio_device rpmsg;
static struct k_poll_signal rung;
static volatile bool receiving;
K_SEM_DEFINE(progress, 0, 1);
K_MUTEX_DEFINE(processing);

static volatile uint32_t *word(size_t offset)
{
	return (volatile uint32_t *)(memory + offset);
}

static void ring(void)
{
	uint32_t peer = *word(OTHER_WORDS);
	uint32_t own = ivshmem_get_id(ivshmem);

	barrier_dmem_fence_full();
	(void)ivshmem_int_peer(ivshmem, peer != 0 ? peer - 1 : HOST ? own + 1 : own - 1, 0);
}

static void receive_thread(void *a, void *b, void *c)
{
	struct k_poll_event event =
		K_POLL_EVENT_INITIALIZER(K_POLL_TYPE_SIGNAL, K_POLL_MODE_NOTIFY_ONLY, &rung);

	ARG_UNUSED(a);
	ARG_UNUSED(b);
	ARG_UNUSED(c);
	while (true) {
		(void)k_poll(&event, 1, K_FOREVER);
		event.state = K_POLL_STATE_NOT_READY;
		k_poll_signal_reset(&rung);
		k_mutex_lock(&processing, K_FOREVER);
		if (receiving) {
			virtqueue_notification(rpmsg.rvq);
		}
		k_mutex_unlock(&processing);
		k_sem_give(&progress);
	}
}

K_THREAD_STACK_DEFINE(receive_stack, 2048);
static struct k_thread receiver;

int transport_open(void)
{
	struct metal_init_params parameters = METAL_INIT_DEFAULTS;

	if (!device_is_ready(ivshmem) || metal_init(&parameters) != 0) {
		return -ENODEV;
	}
	size = ivshmem_get_mem(ivshmem, &memory);
	*word(C_WORDS) = ivshmem_get_id(ivshmem) + 1;
	k_poll_signal_init(&rung);
	(void)k_thread_create(&receiver, receive_stack, K_THREAD_STACK_SIZEOF(receive_stack),
			      receive_thread, NULL, NULL, NULL, K_PRIO_COOP(7), 0, K_NO_WAIT);
	return ivshmem_register_handler(ivshmem, &rung, 0);
}

int transport_start(int layout, rpmsg_ns_bind_cb on_announced)
{
	uint64_t address;

	layout_prepare(layout, memory, size);
	address = layout_address();
	*word(C_WORDS + 4) = (uint32_t)address;
	*word(C_WORDS + 8) = (uint32_t)(address >> 32);
	barrier_dmem_fence_full();
	*word(C_WORDS + 12) = layout + 1;
	/* rpmsg_init_vdev() would busy-wait for the host and block other threads. */
	while (!layout_is_ready()) {
		k_msleep(1);
	}
	return layout_start(&rpmsg, on_announced, ring);
}

void transport_receive(void)
{
	receiving = true;
	/* Handle messages that have already arrived. */
	k_poll_signal_raise(&rung, 0);
}

void transport_stop(void)
{
	k_mutex_lock(&processing, K_FOREVER);
	receiving = false;
	layout_stop(&rpmsg);
	k_mutex_unlock(&processing);
}

struct rpmsg_device *transport_device(void)
{
	return rpmsg_virtio_get_rpmsg_device(&rpmsg);
}

void transport_wait(void)
{
	(void)k_sem_take(&progress, K_MSEC(1));
}

void transport_through(int layout)
{
	barrier_dmem_fence_full();
	*word(C_WORDS + 16) = layout + 1;
}

bool transport_is_through(int layout)
{
	return *word(OTHER_WORDS + 4) > layout;
}
