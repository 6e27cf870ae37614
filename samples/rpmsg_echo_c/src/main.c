/* SPDX-License-Identifier: Apache-2.0 */
/* An echo through Zephyr's ipc_service. The host sends without copying, and the remote answers from
 * its callback.
 */
#include <string.h>

#include <zephyr/ipc/ipc_service.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#define HOST     (DT_ENUM_IDX(DT_NODELABEL(ipc0), role) == 0)
#define MESSAGES 1000

static const struct device *const ipc = DEVICE_DT_GET(DT_NODELABEL(ipc0));
static struct ipc_ept endpoint;
/* The last number sent, and whether it came back unchanged. */
static uint32_t number;
static bool right;
K_SEM_DEFINE(bound, 0, 1);
K_SEM_DEFINE(answered, 0, 1);

static void on_bound(void *priv)
{
	ARG_UNUSED(priv);
	printk("bound\n");
	k_sem_give(&bound);
}

static void on_unbound(void *priv)
{
	ARG_UNUSED(priv);
	printk("unbound: the peer is gone\n");
}

#ifndef AMP_IPC_HAS_UNBOUND
/* Zephyr 4.0 has no unbound callback, so the backend calls the error callback instead. */
static void on_error(const char *message, void *priv)
{
	if (strcmp(message, "unbound") == 0) {
		on_unbound(priv);
	}
}
#endif

static void on_received(const void *data, size_t length, void *priv)
{
	ARG_UNUSED(priv);
	if (HOST) {
		uint32_t answer;

		/* Copy first, because the peer could change the shared memory between two reads. */
		right = length == sizeof(answer);
		if (right) {
			memcpy(&answer, data, sizeof(answer));
			right = answer == number;
		}
		k_sem_give(&answered);
	} else {
		int result = ipc_service_send(&endpoint, data, length);

		if (result < 0) {
			printk("no answer: %d\n", result);
		}
	}
}

static const struct ipc_ept_cfg config = {
	.name = "echo",
	.cb.bound = on_bound,
#ifdef AMP_IPC_HAS_UNBOUND
	.cb.unbound = on_unbound,
#else
	.cb.error = on_error,
#endif
	.cb.received = on_received,
};

/* Sends one number without copying it. Returns true if the number came back unchanged. */
static bool ask(void)
{
	uint32_t size = sizeof(number);
	void *buffer;
	int result = ipc_service_get_tx_buffer(&endpoint, &buffer, &size, K_SECONDS(1));

	if (result < 0) {
		printk("no buffer: %d\n", result);
		return false;
	}
	memcpy(buffer, &number, sizeof(number));
	k_sem_reset(&answered);
	result = ipc_service_send_nocopy(&endpoint, buffer, sizeof(number));
	if (result < 0) {
		printk("not sent: %d\n", result);
		(void)ipc_service_drop_tx_buffer(&endpoint, buffer);
		return false;
	}
	return k_sem_take(&answered, K_SECONDS(10)) == 0 && right;
}

int main(void)
{
	int result = ipc_service_open_instance(ipc);

	if (result == 0) {
		result = ipc_service_register_endpoint(ipc, &endpoint, &config);
	}
	if (result != 0) {
		printk("rpmsg_echo_c: %d\n", result);
		return 0;
	}
	printk("up as %s\n", HOST ? "host" : "remote");
	/* Starts from the first number again each time a peer is bound. */
	while (HOST) {
		uint32_t back = 0;

		k_sem_take(&bound, K_FOREVER);
		for (number = 0; number < MESSAGES && ask(); number++) {
			back++;
		}
		printk("%u of %u messages came back\n", back, MESSAGES);
	}
	return 0;
}
