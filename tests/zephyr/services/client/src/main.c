/* SPDX-License-Identifier: Apache-2.0 */
/* Sends requests of many lengths to both services of docs/how-to/endpoints.md, and checks every
 * reply.
 */
#include <string.h>

#include <zephyr/ipc/ipc_service.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/byteorder.h>
#include <zephyr/sys/printk.h>

#define QUESTIONS 100
#define LONGEST   496

struct service {
	struct ipc_ept endpoint;
	struct k_sem bound;
	uint8_t answer[LONGEST];
	size_t length;
};

static struct service echo, sum;
K_SEM_DEFINE(answered, 0, 1);

static void on_bound(void *priv)
{
	struct service *service = priv;

	k_sem_give(&service->bound);
}

static void on_received(const void *data, size_t length, void *priv)
{
	struct service *service = priv;

	service->length = length;
	memcpy(service->answer, data, MIN(length, LONGEST));
	k_sem_give(&answered);
}

static const struct ipc_ept_cfg echo_config = {
	.name = "echo",
	.cb = {.bound = on_bound, .received = on_received},
	.priv = &echo,
};
static const struct ipc_ept_cfg sum_config = {
	.name = "sum",
	.cb = {.bound = on_bound, .received = on_received},
	.priv = &sum,
};

/* Sends a request to a service. Returns true if the service replies as expected. */
static bool ask(struct service *service, const void *question, size_t length, const void *expected,
		size_t expected_length)
{
	return ipc_service_send(&service->endpoint, question, length) == (int)length &&
	       k_sem_take(&answered, K_SECONDS(10)) == 0 && service->length == expected_length &&
	       memcmp(service->answer, expected, expected_length) == 0;
}

int main(void)
{
	const struct device *ipc = DEVICE_DT_GET(DT_NODELABEL(ipc0));
	static uint8_t question[LONGEST];
	int wrong = 0;

	k_sem_init(&echo.bound, 0, 1);
	k_sem_init(&sum.bound, 0, 1);
	if (ipc_service_open_instance(ipc) != 0 ||
	    ipc_service_register_endpoint(ipc, &echo.endpoint, &echo_config) != 0 ||
	    ipc_service_register_endpoint(ipc, &sum.endpoint, &sum_config) != 0) {
		printk("not opened\n");
		return 0;
	}
	(void)k_sem_take(&echo.bound, K_FOREVER);
	(void)k_sem_take(&sum.bound, K_FOREVER);
	for (int i = 0; i < QUESTIONS; i++) {
		size_t length = i * LONGEST / (QUESTIONS - 1);
		uint8_t total[4];
		uint32_t expected = 0;

		for (size_t at = 0; at < length; at++) {
			question[at] = i + at;
			expected += question[at];
		}
		sys_put_le32(expected, total);
		wrong += !ask(&echo, question, length, question, length);
		wrong += !ask(&sum, question, length, total, sizeof(total));
	}
	printk("%d questions to each service, %d answers wrong\n", QUESTIONS, wrong);
	return 0;
}
