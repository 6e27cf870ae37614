/* SPDX-License-Identifier: Apache-2.0 */
/* Tests two instances on one ivshmem device. The host sends requests on one instance while the
 * other instance's thread wakes for an unrelated reason.
 */
#include <zephyr/drivers/virtualization/ivshmem.h>
#include <zephyr/ipc/ipc_service.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#define HOST (DT_ENUM_IDX(DT_NODELABEL(ipc0), role) == 0)

#define QUESTIONS 20
/* Time limit for an answer. It is much shorter than the heartbeat period, after which an instance
 * polls even without a doorbell.
 */
#define LATE      K_MSEC(1000)

/* The quiet instance is opened last. */
static const struct device *const quiet = DEVICE_DT_GET(DT_NODELABEL(ipc0));
static const struct device *const asking = DEVICE_DT_GET(DT_NODELABEL(ipc1));

static const struct device *const ivshmem = DEVICE_DT_GET(DT_NODELABEL(ivshmem0));
static struct k_poll_signal signal;

static struct ipc_ept endpoint;
K_SEM_DEFINE(binding, 0, 1);
K_SEM_DEFINE(answer, 0, 1);

static void on_bound(void *priv)
{
	ARG_UNUSED(priv);
	k_sem_give(&binding);
}

static void on_received(const void *data, size_t size, void *priv)
{
	ARG_UNUSED(priv);
	if (HOST) {
		k_sem_give(&answer);
	} else {
		(void)ipc_service_send(&endpoint, data, size);
	}
}

static const struct ipc_ept_cfg config = {
	.name = "question",
	.cb.bound = on_bound,
	.cb.received = on_received,
};

/* The peer has no endpoint with this name. Registering this endpoint only wakes the quiet
 * instance's thread.
 */
static const struct ipc_ept_cfg nobodys = {.name = "nobody's"};

/* Sends one request and waits for the answer. Returns 0 or an error. */
static int ask(void)
{
	struct ipc_ept other;
	int result;

	/* Lets the instances' threads fall asleep, so that the answer needs a doorbell. */
	k_msleep(50);
	result = ipc_service_send(&endpoint, "?", 1);
	if (result != 1) {
		return result;
	}
	/* The doorbell for the answer rings while the instances' threads cannot run. */
	k_busy_wait(200 * USEC_PER_MSEC);
	result = ipc_service_register_endpoint(quiet, &other, &nobodys);
	if (result != 0) {
		return result;
	}
	result = k_sem_take(&answer, LATE);
	(void)ipc_service_deregister_endpoint(&other);
	return result;
}

int main(void)
{
	int late = 0;
	int result = ipc_service_open_instance(asking);

	result = result ? result : ipc_service_open_instance(quiet);
	result = result ? result : ipc_service_register_endpoint(asking, &endpoint, &config);
	if (result != 0) {
		printk("not opened: %d\n", result);
		return 0;
	}
	if (!HOST) {
		return 0;
	}
	(void)k_sem_take(&binding, K_FOREVER);
	/* Run at a higher priority than the instances' threads. */
	k_thread_priority_set(k_current_get(), K_PRIO_COOP(1));
	k_poll_signal_init(&signal);
	for (int i = 0; i < QUESTIONS; i++) {
		/* Register a signal for the same vector, and remove the signal later. */
		if (i == QUESTIONS / 4 || i == QUESTIONS / 2) {
			result = ivshmem_register_handler(ivshmem,
							  i == QUESTIONS / 4 ? &signal : NULL, 0);
			printk("handler: %d\n", result);
		}
		result = ask();
		if (result == -EAGAIN) {
			late++;
			(void)k_sem_take(&answer, K_FOREVER);
		} else if (result != 0) {
			printk("question %d: %d\n", i, result);
		}
	}
	printk("the handler heard: %d\n", signal.signaled);
	printk("%d answers, %d of them late\n", QUESTIONS, late);
	return 0;
}
