/* SPDX-License-Identifier: Apache-2.0 */
/* Sets up open-amp in each layout that is used with C OpenAMP:
 *
 * dual-qemu-ivshmem  OpenAMP's sample. The status byte comes first, the buffers start at 0x400, and
 *                    the vrings take the last 2 KiB. There are 16 descriptors, the alignment is 4,
 *                    and the addresses are this machine's addresses.
 * rpmsg-service      Zephyr's subsys/ipc/rpmsg_service. Equals dual-qemu-ivshmem, except that the
 *                    two vrings are swapped.
 * static-vrings      Zephyr's ipc_static_vrings in 64 KiB, set up by Zephyr's own code.
 * pages              32 descriptors, alignment 4096. Larger buffers than in the other layouts. The
 *                    buffers to the remote are the largest. Physical addresses, which are above
 *                    4 GiB on a 64-bit machine.
 * split-pool         8 descriptors, alignment 16. One buffer pool per direction.
 * resource-table     open-amp's own remoteproc. The remote's table contains the vring addresses and
 *                    the status.
 */
#include "layouts.h"

#include <string.h>

#include <openamp/remoteproc.h>
#include <openamp/remoteproc_virtio.h>
#include <zephyr/ipc/ipc_static_vrings.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/barrier.h>

#include "ipc_rpmsg_static_vrings.h"

#define TABLE              0x90000
/* Address that the table uses for the first byte of the memory. */
#define DEVICE_ADDRESS     0x20000000
#define STATIC_VRINGS_SIZE 0x10000

struct place {
	const char *name;
	/* Offset from the start of the memory. A negative offset counts from the end. */
	int32_t vrings[2];
	uint16_t descriptors;
	uint16_t align;
	uint32_t buffers;
	/* 0 if both directions share one pool. */
	uint32_t to_remote_buffers;
	uint16_t to_host_size;
	uint16_t to_remote_size;
};

static const struct place places[LAYOUTS] = {
	{"dual-qemu-ivshmem", {-0x800, -0x400}, 16, 4, 0x400, 0, 512, 512},
	{"rpmsg-service", {-0x400, -0x800}, 16, 4, 0x400, 0, 512, 512},
	{"static-vrings", {0, 0}, 0, MEM_ALIGNMENT, MEM_ALIGNMENT, 0, 512, 512},
	{"pages", {0x10000, 0x14000}, 32, 4096, 0x40000, 0, 1024, 2048},
	{"split-pool", {0x1000, 0x2000}, 8, 16, 0x4000, 0x60000, 512, 512},
	{"resource-table", {0x1000, 0x2000}, 16, 16, 0x4000, 0, 512, 512},
};

METAL_PACKED_BEGIN
struct table {
	uint32_t version;
	uint32_t count;
	uint32_t reserved[2];
	uint32_t offsets[2];
	struct fw_rsc_trace trace;
	struct fw_rsc_vdev vdev;
	struct fw_rsc_vdev_vring vrings[2];
} METAL_PACKED_END;

static int layout;
static uintptr_t memory;
static size_t memory_size;
static volatile uint8_t *status;
static metal_phys_addr_t physical;
static struct metal_io_region region;
static struct rpmsg_virtio_shm_pool pools[2];
static struct virtio_vring_info vrings[2];
static struct virtio_device plain;
static struct ipc_static_vrings fixed;
static struct remoteproc rproc;
static struct remoteproc_mem rproc_memory;
static struct virtio_device *device;
static void (*ring)(void);

static uint8_t get_status(struct virtio_device *vdev)
{
	ARG_UNUSED(vdev);
	return HOST ? VIRTIO_CONFIG_STATUS_DRIVER_OK : *status;
}

static void set_status(struct virtio_device *vdev, uint8_t value)
{
	ARG_UNUSED(vdev);
	barrier_dmem_fence_full();
	*status = value;
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
	ARG_UNUSED(queue);
	ring();
}

static const struct virtio_dispatch dispatch = {
	.get_status = get_status,
	.set_status = set_status,
	.get_features = get_features,
	.set_features = set_features,
	.notify = notify,
};

static void on_fixed_notify(struct virtqueue *queue, void *context)
{
	ARG_UNUSED(context);
	notify(queue);
}

static int on_rproc_notify(struct remoteproc *self, uint32_t id)
{
	ARG_UNUSED(self);
	ARG_UNUSED(id);
	ring();
	return 0;
}

static const struct remoteproc_ops rproc_ops = {.notify = on_rproc_notify};

static struct table *table(void)
{
	return (struct table *)(memory + TABLE);
}

/* Publishes the remote's table. The first entry is a trace buffer, as in Zephyr's table. The host
 * chooses the vring addresses.
 */
static void publish(void)
{
	struct table new = {
		.count = 2,
		.offsets = {offsetof(struct table, trace), offsetof(struct table, vdev)},
		.trace = {.type = RSC_TRACE, .da = DEVICE_ADDRESS, .len = 16, .name = "trace"},
		.vdev = {.type = RSC_VDEV,
			 .id = VIRTIO_ID_RPMSG,
			 .notifyid = 2,
			 .dfeatures = BIT(VIRTIO_RPMSG_F_NS),
			 .num_of_vrings = 2},
	};

	for (int i = 0; i < 2; i++) {
		new.vrings[i] = (struct fw_rsc_vdev_vring){
			.da = FW_RSC_U32_ADDR_ANY,
			.align = places[layout].align,
			.num = places[layout].descriptors,
			.notifyid = i,
		};
	}
	memcpy(table(), &new, sizeof(new));
	barrier_dmem_fence_full();
	/* Write the version last, because it marks the table as present. */
	*(volatile uint32_t *)table() = 1;
}

const char *layout_name(int number)
{
	return places[number].name;
}

void layout_prepare(int number, uintptr_t start, size_t size)
{
	layout = number;
	memory = start;
	memory_size = size;
	status = (volatile uint8_t *)memory;
	physical = memory;
	if (layout == PAGES && sizeof(physical) > 4) {
		physical = (metal_phys_addr_t)0x8000000000ULL;
	}
	if (layout == RESOURCE_TABLE) {
		if (!HOST) {
			publish();
		}
		/* layout_is_ready() finds the status in the table that the remote has published. */
		status = NULL;
	}
	metal_io_init(&region, (void *)memory, &physical, size, -1, 0, NULL);
}

metal_phys_addr_t layout_address(void)
{
	return physical;
}

bool layout_is_ready(void)
{
	if (layout == RESOURCE_TABLE && status == NULL) {
		size_t offset;

		if (*(volatile uint32_t *)table() != 1) {
			return false;
		}
		barrier_dmem_fence_full();
		/* The rpmsg device is the only entry in the peer's table, but the second entry
		 * in this side's table.
		 */
		offset = table()->offsets[HOST ? 0 : 1];
		status =
			(volatile uint8_t *)table() + offset + offsetof(struct fw_rsc_vdev, status);
	}
	return HOST || layout_is_up();
}

bool layout_is_up(void)
{
	return (get_status(NULL) & VIRTIO_CONFIG_STATUS_DRIVER_OK) != 0;
}

static int start_plain(const struct place *place)
{
	for (int i = 0; i < 2; i++) {
		int32_t offset = place->vrings[i];

		vrings[i].io = &region;
		vrings[i].info.vaddr =
			(void *)(memory + (offset < 0 ? memory_size + offset : (size_t)offset));
		vrings[i].info.num_descs = place->descriptors;
		vrings[i].info.align = place->align;
		vrings[i].vq = virtqueue_allocate(place->descriptors);
		if (vrings[i].vq == NULL) {
			return -ENOMEM;
		}
	}
	plain = (struct virtio_device){
		.role = HOST ? RPMSG_HOST : RPMSG_REMOTE,
		.vrings_num = 2,
		.vrings_info = vrings,
		.func = &dispatch,
	};
	device = &plain;
	return 0;
}

/* Does the same as vr_shm_configure() in Zephyr's backend, which takes the addresses from
 * devicetree.
 */
static int start_static(const struct place *place)
{
	unsigned int count = optimal_num_desc(STATIC_VRINGS_SIZE, place->to_host_size);
	int result;

	memset(&fixed, 0, sizeof(fixed));
	fixed.status_reg_addr = memory;
	fixed.shm_addr = ROUND_UP(memory + VDEV_STATUS_SIZE, MEM_ALIGNMENT);
	fixed.shm_size = shm_size(count, place->to_host_size);
	fixed.rx_addr = fixed.shm_addr + VRING_COUNT * vq_ring_size(count, place->to_host_size);
	fixed.tx_addr = ROUND_UP(fixed.rx_addr + vring_size(count, MEM_ALIGNMENT), MEM_ALIGNMENT);
	fixed.vring_size = count;
	fixed.notify_cb = on_fixed_notify;
	result = ipc_static_vrings_init(&fixed, HOST ? ROLE_HOST : ROLE_REMOTE);
	device = &fixed.vdev;
	return result;
}

static int start_rproc(void)
{
	int result;

	if (remoteproc_init(&rproc, &rproc_ops, NULL) == NULL) {
		return -EINVAL;
	}
	remoteproc_init_mem(&rproc_memory, "shared", physical, DEVICE_ADDRESS, memory_size,
			    &region);
	remoteproc_add_mem(&rproc, &rproc_memory);
	result = remoteproc_set_rsc_table(&rproc, (struct resource_table *)table(),
					  sizeof(struct table));
	if (result != 0) {
		return result;
	}
	device = remoteproc_create_virtio(&rproc, 0, HOST ? VIRTIO_DEV_DRIVER : VIRTIO_DEV_DEVICE,
					  NULL);
	return device != NULL ? 0 : -EINVAL;
}

int layout_start(struct rpmsg_virtio_device *rpmsg, rpmsg_ns_bind_cb on_announced,
		 void (*ringing)(void))
{
	const struct place *place = &places[layout];
	const struct rpmsg_virtio_config config = {
		.h2r_buf_size = place->to_remote_size,
		.r2h_buf_size = place->to_host_size,
		.split_shpool = place->to_remote_buffers != 0,
	};
	struct metal_io_region *io = layout == STATIC_VRINGS ? &fixed.shm_io : &region;
	size_t room = (place->to_remote_buffers != 0 ? place->to_remote_buffers : memory_size) -
		      place->buffers;
	int result;

	ring = ringing;
	if (HOST && layout != RESOURCE_TABLE) {
		set_status(NULL, 0);
	}
	result = layout == RESOURCE_TABLE  ? start_rproc()
		 : layout == STATIC_VRINGS ? start_static(place)
					   : start_plain(place);
	if (result != 0) {
		return result;
	}
	rpmsg_virtio_init_shm_pool(&pools[0], (void *)(memory + place->buffers), room);
	rpmsg_virtio_init_shm_pool(&pools[1], (void *)(memory + place->to_remote_buffers),
				   memory_size - place->to_remote_buffers);
	return rpmsg_init_vdev_with_config(rpmsg, device, on_announced, io, pools, &config);
}

void layout_stop(struct rpmsg_virtio_device *rpmsg)
{
	if (HOST) {
		set_status(NULL, 0);
	}
	rpmsg_deinit_vdev(rpmsg);
	if (layout == RESOURCE_TABLE) {
		remoteproc_remove_virtio(&rproc, device);
	} else if (layout == STATIC_VRINGS) {
		(void)ipc_static_vrings_deinit(&fixed, HOST ? ROLE_HOST : ROLE_REMOTE);
	} else {
		for (int i = 0; i < 2; i++) {
			virtqueue_free(vrings[i].vq);
		}
	}
}
