/* SPDX-License-Identifier: Apache-2.0 */
/* The remote's callback sleeps for longer than the host's peer timeout. Meanwhile, the host sends
 * more messages than there are buffers.
 */
#include <zephyr/ipc/ipc_service.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#define HOST     (DT_ENUM_IDX(DT_NODELABEL(ipc0), role) == 0)
#define MESSAGES 100
#define SLEEP_MS 6000

static struct ipc_ept endpoint;
static atomic_t lost;
static uint32_t received;
K_SEM_DEFINE(binding, 0, 1);
K_SEM_DEFINE(answer, 0, 1);
static int sent_in_isr;
K_SEM_DEFINE(done_in_isr, 0, 1);

static void on_bound(void *priv)
{
	ARG_UNUSED(priv);
	k_sem_give(&binding);
}

static void on_unbound(void *priv)
{
	ARG_UNUSED(priv);
	atomic_inc(&lost);
}

#ifndef AMP_IPC_HAS_UNBOUND
static void on_error(const char *message, void *priv)
{
	ARG_UNUSED(message);
	on_unbound(priv);
}
#endif

static void on_received(const void *data, size_t size, void *priv)
{
	ARG_UNUSED(data);
	ARG_UNUSED(size);
	ARG_UNUSED(priv);
	if (HOST) {
		k_sem_give(&answer);
		return;
	}
	if (received == 0) {
		k_msleep(SLEEP_MS);
	}
	received++;
	if (received == MESSAGES) {
		(void)ipc_service_send(&endpoint, "all", 3);
	}
}

static const struct ipc_ept_cfg config = {
	.name = "patience",
	.cb.bound = on_bound,
#ifdef AMP_IPC_HAS_UNBOUND
	.cb.unbound = on_unbound,
#else
	.cb.error = on_error,
#endif
	.cb.received = on_received,
};

static void on_timer(struct k_timer *timer)
{
	ARG_UNUSED(timer);
	sent_in_isr = ipc_service_send(&endpoint, "!", 1);
	k_sem_give(&done_in_isr);
}
K_TIMER_DEFINE(timer, on_timer, NULL);

/* Sends a message. Every tenth message is sent from an interrupt handler. */
static int send(int number)
{
	if (number % 10 != 0) {
		return ipc_service_send(&endpoint, "?", 1);
	}
	k_timer_start(&timer, K_NO_WAIT, K_NO_WAIT);
	(void)k_sem_take(&done_in_isr, K_FOREVER);
	return sent_in_isr;
}

int main(void)
{
	const struct device *ipc = DEVICE_DT_GET(DT_NODELABEL(ipc0));
	int sent = 0;
	int result = ipc_service_open_instance(ipc);

	result = result ? result : ipc_service_register_endpoint(ipc, &endpoint, &config);
	if (result != 0) {
		printk("not opened: %d\n", result);
		return 0;
	}
	if (!HOST) {
		return 0;
	}
	(void)k_sem_take(&binding, K_FOREVER);
	for (int i = 0; i < MESSAGES; i++) {
		result = send(i);
		if (result == 1) {
			sent++;
		} else {
			printk("message %d: %d\n", i, result);
		}
	}
	result = k_sem_take(&answer, K_SECONDS(20));
	printk("sent %d of %d, answer %d, link lost %ld times\n", sent, MESSAGES, result,
	       (long)atomic_get(&lost));
	return 0;
}
