/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the result of each API call. Every call must return on every machine. */
#include <zephyr/drivers/mbox.h>
#include <zephyr/drivers/virtualization/ivshmem.h>
#include <zephyr/init.h>
#include <zephyr/ipc/ipc_service.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

static const struct device *const ivshmem = DEVICE_DT_GET(DT_NODELABEL(ivshmem0));
static const struct device *const mbox = DEVICE_DT_GET(DT_NODELABEL(mbox0));
static const struct device *const ipc = DEVICE_DT_GET(DT_NODELABEL(ipc0));
static struct ipc_ept endpoint;
static struct ipc_ept other;
static const struct ipc_ept_cfg config = {.name = "nobody"};
static const struct ipc_ept_cfg other_config = {.name = "other"};
static struct k_poll_signal signal;
K_SEM_DEFINE(done, 0, 1);

static struct {
	int open, register_endpoint, close;
} before, after;

/* Runs before the device and the instance are initialised, so every call fails immediately. */
static int use_before(void)
{
	before.open = ipc_service_open_instance(ipc);
	before.register_endpoint = ipc_service_register_endpoint(ipc, &endpoint, &config);
	before.close = ipc_service_close_instance(ipc);
	return 0;
}
SYS_INIT(use_before, POST_KERNEL, 20);

/* Runs after the default priority of Zephyr's ipc_service backends, before any application code. */
static int use_after(void)
{
	after.open = ipc_service_open_instance(ipc);
	after.register_endpoint = ipc_service_register_endpoint(ipc, &endpoint, &config);
	after.close = ipc_service_close_instance(ipc);
	return 0;
}
SYS_INIT(use_after, POST_KERNEL, 47);

/* Makes all calls that ipc_service allows in an interrupt handler. */
static void from_interrupt(struct k_timer *timer)
{
	uint32_t size = 0;
	void *buffer = &size;

	ARG_UNUSED(timer);
	printk("isr: send %d, size %d, get %d, drop %d, nocopy %d, hold %d, release %d, register "
	       "%d, deregister %d\n",
	       ipc_service_send(&endpoint, "x", 1), ipc_service_get_tx_buffer_size(&endpoint),
	       ipc_service_get_tx_buffer(&endpoint, &buffer, &size, K_NO_WAIT),
	       ipc_service_drop_tx_buffer(&endpoint, buffer),
	       ipc_service_send_nocopy(&endpoint, buffer, 1),
	       ipc_service_hold_rx_buffer(&endpoint, buffer),
	       ipc_service_release_rx_buffer(&endpoint, buffer),
	       ipc_service_register_endpoint(ipc, &other, &other_config),
	       ipc_service_deregister_endpoint(&endpoint));
	printk("isr: open %d, close %d\n", ipc_service_open_instance(ipc),
	       ipc_service_close_instance(ipc));
	k_sem_give(&done);
}

int main(void)
{
	uintptr_t memory = 1;
	size_t bytes = ivshmem_get_mem(ivshmem, &memory);
	struct k_timer timer;
	uint32_t size = 0;
	void *buffer = &size;

	k_poll_signal_init(&signal);
	printk("before: open %d, register %d, close %d\n", before.open, before.register_endpoint,
	       before.close);
	printk("after: open %d, register %d, close %d\n", after.open, after.register_endpoint,
	       after.close);
	printk("ready: ivshmem %d, mbox %d, ipc %d\n", device_is_ready(ivshmem),
	       device_is_ready(mbox), device_is_ready(ipc));
	printk("ivshmem: %zu bytes%s, %u vectors, ring %d, register %d\n", bytes,
	       memory == 0 ? " nowhere" : "", ivshmem_get_vectors(ivshmem),
	       ivshmem_int_peer(ivshmem, 1, 0), ivshmem_register_handler(ivshmem, &signal, 0));
	printk("mbox: %u channels, send %d, enable %d\n", mbox_max_channels_get(mbox),
	       mbox_send(mbox, 0, NULL), mbox_set_enabled(mbox, 0, true));
	printk("ipc: close %d, open %d, register %d\n", ipc_service_close_instance(ipc),
	       ipc_service_open_instance(ipc),
	       ipc_service_register_endpoint(ipc, &endpoint, &config));
	printk("ipc: send %d, get %d, drop %d, nocopy %d, hold %d, release %d\n",
	       ipc_service_send(&endpoint, "x", 1),
	       ipc_service_get_tx_buffer(&endpoint, &buffer, &size, K_MSEC(100)),
	       ipc_service_drop_tx_buffer(&endpoint, buffer),
	       ipc_service_send_nocopy(&endpoint, buffer, 1),
	       ipc_service_hold_rx_buffer(&endpoint, buffer),
	       ipc_service_release_rx_buffer(&endpoint, buffer));
	k_timer_init(&timer, from_interrupt, NULL);
	k_timer_start(&timer, K_MSEC(1), K_NO_WAIT);
	k_sem_take(&done, K_FOREVER);
	printk("still here\n");
	return 0;
}
