/* SPDX-License-Identifier: Apache-2.0 */
/* Echo test for ipc_service. The host sends messages of every length and compares the replies. The
 * host repeats the test whenever the remote restarts.
 */
#include <errno.h>
#include <string.h>

#include <zephyr/ipc/ipc_service.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#define HOST (DT_ENUM_IDX(DT_NODELABEL(ipc0), role) == 0)
#define LONG 1024

static const struct device *const ipc = DEVICE_DT_GET(DT_NODELABEL(ipc0));
static struct ipc_ept endpoint;
static uint8_t received[LONG];
static size_t length;
static volatile bool bound;
K_SEM_DEFINE(binding, 0, 1);
K_SEM_DEFINE(answer, 0, 1);

static void on_bound(void *priv)
{
	ARG_UNUSED(priv);
	printk("bound\n");
	bound = true;
	k_sem_give(&binding);
}

static void on_unbound(void *priv)
{
	ARG_UNUSED(priv);
	printk("unbound\n");
	bound = false;
	/* Unblocks a thread that is waiting for a reply. */
	length = SIZE_MAX;
	k_sem_give(&answer);
}

#ifndef AMP_IPC_HAS_UNBOUND
static void on_error(const char *message, void *priv)
{
	if (strcmp(message, "unbound") == 0) {
		on_unbound(priv);
	}
}
#endif

/* Tells the callback to close the endpoint when the next message arrives. */
static volatile bool closing;
static bool has_closed;
static int closed;

static void on_received(const void *data, size_t size, void *priv)
{
	ARG_UNUSED(priv);
	if (closing) {
		closing = false;
		closed = ipc_service_deregister_endpoint(&endpoint);
		k_sem_give(&answer);
		return;
	}
	if (!HOST) {
		/* Send from the callback, as C applications do. */
		int result = ipc_service_send(&endpoint, data, size);

		if (result != (int)size) {
			printk("the answer of %zu bytes was not sent: %d\n", size, result);
		}
		return;
	}
	length = size;
	memcpy(received, data, MIN(size, sizeof(received)));
	k_sem_give(&answer);
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

/* Sends one message and checks the reply. Returns 0 or an error. */
static int once(size_t size, uint8_t seed)
{
	static uint8_t message[LONG];
	int result;

	for (size_t i = 0; i < size; i++) {
		message[i] = (uint8_t)(seed + i * 7);
	}
	k_sem_reset(&answer);
	result = ipc_service_send(&endpoint, message, size);
	if (result != (int)size) {
		return result < 0 ? result : -EIO;
	}
	if (k_sem_take(&answer, K_SECONDS(20)) != 0) {
		return -ETIMEDOUT;
	}
	return length == size && memcmp(message, received, size) == 0 ? 0 : -EBADMSG;
}

/* Closes an endpoint from the endpoint's own callback, and then registers the endpoint again. */
static int close_and_open(void)
{
	int result;

	has_closed = true;
	k_sem_reset(&answer);
	closing = true;
	result = ipc_service_send(&endpoint, "last", 4);
	if (result != 4 || k_sem_take(&answer, K_SECONDS(20)) != 0) {
		printk("no answer to close in: %d\n", result);
		return -EIO;
	}
	result = ipc_service_send(&endpoint, "x", 1);
	printk("closed in its own callback: %d, sending then: %d\n", closed, result);
	return ipc_service_register_endpoint(ipc, &endpoint, &config);
}

static void *buffers[CONFIG_AMP_IVSHMEM_IPC_BUFFERS];

static void drop_first(struct k_work *work)
{
	ARG_UNUSED(work);
	(void)ipc_service_drop_tx_buffer(&endpoint, buffers[0]);
}
K_WORK_DELAYABLE_DEFINE(dropping, drop_first);

/* Tests zero-copy buffers: takes all buffers, tries to take one more, and makes calls that must
 * fail. Returns 0 or the line number of the failed check.
 */
static int without_a_copy(int longest)
{
#define EXPECT(condition)                                                                          \
	if (!(condition)) {                                                                        \
		return __LINE__;                                                                   \
	}
	uint32_t size = longest + 1;
	void *one_more;

	EXPECT(ipc_service_get_tx_buffer(&endpoint, &one_more, &size, K_NO_WAIT) == -ENOMEM &&
	       size == longest);
	ARRAY_FOR_EACH(buffers, i) {
		size = 0;
		EXPECT(ipc_service_get_tx_buffer(&endpoint, &buffers[i], &size, K_SECONDS(20)) ==
			       0 &&
		       size == longest);
		memset(buffers[i], i, longest);
	}
	size = 1;
	EXPECT(ipc_service_get_tx_buffer(&endpoint, &one_more, &size, K_NO_WAIT) == -ENOBUFS);
	EXPECT(ipc_service_get_tx_buffer(&endpoint, &one_more, &size, K_MSEC(50)) == -ENOBUFS);
	/* Dropping a buffer wakes a waiting thread. */
	k_work_schedule(&dropping, K_MSEC(50));
	EXPECT(ipc_service_get_tx_buffer(&endpoint, &one_more, &size, K_FOREVER) == 0 &&
	       one_more == buffers[0]);
	EXPECT(ipc_service_send_nocopy(&endpoint, buffers[1], longest + 1) == -EBADMSG);
	EXPECT(ipc_service_send_nocopy(&endpoint, (char *)buffers[1] + 8, 1) == -EALREADY);
	EXPECT(ipc_service_send_nocopy(&endpoint, &size, 1) == -ENXIO);
	ARRAY_FOR_EACH(buffers, i) {
		EXPECT(ipc_service_drop_tx_buffer(&endpoint, buffers[i]) == 0);
		EXPECT(ipc_service_drop_tx_buffer(&endpoint, buffers[i]) == -EALREADY);
	}
	EXPECT(ipc_service_drop_tx_buffer(&endpoint, &size) == -ENXIO);
	EXPECT(ipc_service_release_rx_buffer(&endpoint, &size) == -ENXIO);
	EXPECT(ipc_service_hold_rx_buffer(&endpoint, buffers[0]) == -ENXIO);
	return 0;
}

static int all(void)
{
	static uint8_t too_long[LONG];
	int longest = ipc_service_get_tx_buffer_size(&endpoint);
	int result = ipc_service_send(&endpoint, too_long, longest + 1);

	if (result != -EBADMSG) {
		printk("a message of %d bytes must be refused: %d\n", longest + 1, result);
		return -EIO;
	}
	printk("without a copy: %d\n", without_a_copy(longest));
	for (int i = 0; i < 200; i++) {
		size_t size = i == 199 ? longest : (i * 37) % (longest + 1);

		result = once(size, (uint8_t)i);
		if (result != 0) {
			printk("message %d of %zu bytes: %d\n", i, size, result);
			return result;
		}
	}
	printk("200 messages returned, the longest of %d bytes\n", longest);
	return 0;
}

int main(void)
{
	int result = ipc_service_open_instance(ipc);

	printk("open: %d, again: %d\n", result, ipc_service_open_instance(ipc));
	/* The peer has no endpoint with this name. */
	struct ipc_ept_cfg nobodys = {.name = HOST ? "of the host" : "of the remote",
				      .cb = config.cb};

	result = ipc_service_register_endpoint(ipc, &endpoint, &nobodys);
	printk("sending before bound: %d\n", ipc_service_send(&endpoint, "x", 1));
	result = result ? result : ipc_service_deregister_endpoint(&endpoint);
	result = result ? result : ipc_service_register_endpoint(ipc, &endpoint, &config);
	if (result != 0) {
		printk("register: %d\n", result);
		return 0;
	}
	while (HOST) {
		k_sem_take(&binding, K_FOREVER);
		(void)(has_closed ? all() : close_and_open());
	}
	return 0;
}
