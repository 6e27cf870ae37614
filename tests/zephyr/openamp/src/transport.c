/* open-amp on an ivshmem device, in the layout of OpenAMP's dual_qemu_ivshmem: status byte first, buffers from 0x400, the
 * vrings in the last 2 KiB, 16 descriptors, alignment 4, addresses as this machine has them, doorbell vector 0.
 *
 * Two things beyond that layout, where it leaves the memory unused: each side writes its number on the server there, so
 * that a side may be restarted, which changes it; and this one writes where it has the memory, which a host that is not C
 * must know. Without them the peer's number is the neighbour's, as in OpenAMP's sample.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "transport.h"

#include <zephyr/device.h>
#include <zephyr/drivers/virtualization/ivshmem.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/barrier.h>

#define BUFFERS     0x400
#define VRING0      0x800 /* from the end: messages to the host */
#define VRING1      0x400 /* from the end: messages to the remote */
#define DESCRIPTORS 16
#define ALIGNMENT   4
/* Each side's words: its number plus one, and the address of the memory's first byte, low and high. */
#define C_WORDS     0x8000
#define OTHER_WORDS 0x8010

static const struct device *const ivshmem = DEVICE_DT_GET(DT_NODELABEL(ivshmem0));
static uintptr_t memory;
static struct metal_io_region region;
static metal_phys_addr_t physical;
static struct rpmsg_virtio_shm_pool pool;
static struct virtio_vring_info vrings[2];
static struct virtio_device device;
static struct rpmsg_virtio_device rpmsg;
static struct k_poll_signal rung;
static volatile bool receiving;
K_SEM_DEFINE(progress, 0, 1);
K_MUTEX_DEFINE(processing);

static volatile uint32_t *word(size_t offset)
{
	return (volatile uint32_t *)(memory + offset);
}

static uint8_t get_status(struct virtio_device *vdev)
{
	ARG_UNUSED(vdev);
	return HOST ? VIRTIO_CONFIG_STATUS_DRIVER_OK : *(volatile uint8_t *)memory;
}

static void set_status(struct virtio_device *vdev, uint8_t status)
{
	ARG_UNUSED(vdev);
	barrier_dmem_fence_full();
	*(volatile uint8_t *)memory = status;
}

static uint32_t get_features(struct virtio_device *vdev)
{
	ARG_UNUSED(vdev);
	return BIT(VIRTIO_RPMSG_F_NS);
}

static void set_features(struct virtio_device *vdev, uint32_t features)
{
	ARG_UNUSED(vdev);
	ARG_UNUSED(features);
}

static void notify(struct virtqueue *queue)
{
	uint32_t peer = *word(OTHER_WORDS);
	uint32_t own = ivshmem_get_id(ivshmem);

	ARG_UNUSED(queue);
	barrier_dmem_fence_full();
	(void)ivshmem_int_peer(ivshmem, peer != 0 ? peer - 1 : HOST ? own + 1 : own - 1, 0);
}

static const struct virtio_dispatch dispatch = {
	.get_status = get_status,
	.set_status = set_status,
	.get_features = get_features,
	.set_features = set_features,
	.notify = notify,
};

static void receive_thread(void *a, void *b, void *c)
{
	struct k_poll_event event = K_POLL_EVENT_INITIALIZER(K_POLL_TYPE_SIGNAL, K_POLL_MODE_NOTIFY_ONLY, &rung);

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
	size_t size;

	if (!device_is_ready(ivshmem) || metal_init(&parameters) != 0) {
		return -ENODEV;
	}
	size = ivshmem_get_mem(ivshmem, &memory);
	physical = memory;
	metal_io_init(&region, (void *)memory, &physical, size, -1, 0, NULL);
	for (int i = 0; i < 2; i++) {
		vrings[i].io = &region;
		vrings[i].info.vaddr = (void *)(memory + size - (i == 0 ? VRING0 : VRING1));
		vrings[i].info.num_descs = DESCRIPTORS;
		vrings[i].info.align = ALIGNMENT;
	}
	*word(C_WORDS + 4) = (uint32_t)memory;
	*word(C_WORDS + 8) = (uint32_t)((uint64_t)memory >> 32);
	barrier_dmem_fence_full();
	*word(C_WORDS) = ivshmem_get_id(ivshmem) + 1;
	k_poll_signal_init(&rung);
	(void)k_thread_create(&receiver, receive_stack, K_THREAD_STACK_SIZEOF(receive_stack), receive_thread, NULL, NULL,
			      NULL, K_PRIO_COOP(7), 0, K_NO_WAIT);
	return ivshmem_register_handler(ivshmem, &rung, 0);
}

int transport_start(rpmsg_ns_bind_cb on_announced)
{
	const struct rpmsg_virtio_config config = {
		.h2r_buf_size = RPMSG_BUFFER_SIZE,
		.r2h_buf_size = RPMSG_BUFFER_SIZE,
	};

	/* rpmsg_init_vdev would wait for the host without letting any other thread run. */
	while (!transport_is_up()) {
		k_msleep(1);
	}
	for (int i = 0; i < 2; i++) {
		vrings[i].vq = virtqueue_allocate(DESCRIPTORS);
		if (vrings[i].vq == NULL) {
			return -ENOMEM;
		}
	}
	device = (struct virtio_device){
		.role = HOST ? RPMSG_HOST : RPMSG_REMOTE,
		.vrings_num = 2,
		.vrings_info = vrings,
		.func = &dispatch,
	};
	if (HOST) {
		set_status(&device, 0);
	}
	rpmsg_virtio_init_shm_pool(&pool, (void *)(memory + BUFFERS), region.size - BUFFERS);
	return rpmsg_init_vdev_with_config(&rpmsg, &device, on_announced, &region, &pool, &config) == 0 ? 0 : -EIO;
}

void transport_receive(void)
{
	receiving = true;
	/* What came before. */
	k_poll_signal_raise(&rung, 0);
}

void transport_stop(void)
{
	k_mutex_lock(&processing, K_FOREVER);
	receiving = false;
	rpmsg_deinit_vdev(&rpmsg);
	for (int i = 0; i < 2; i++) {
		virtqueue_free(vrings[i].vq);
	}
	k_mutex_unlock(&processing);
}

struct rpmsg_device *transport_device(void)
{
	return rpmsg_virtio_get_rpmsg_device(&rpmsg);
}

bool transport_is_up(void)
{
	return (get_status(&device) & VIRTIO_CONFIG_STATUS_DRIVER_OK) != 0;
}

void transport_wait(void)
{
	(void)k_sem_take(&progress, K_MSEC(1));
}
