/* SPDX-License-Identifier: Apache-2.0 */
/* The C side of the OpenAMP wire format test. It sends and checks three streams while other
 * endpoints are opened and closed. It also echoes messages, sends pings to the peer's echo
 * endpoint, and prints its counts. If this side is the remote and the host goes down, this side
 * starts again with the next host. With CONFIG_TEST_LAYOUTS, the test runs once in each layout.
 */
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#include "traffic.h"
#include "transport.h"

/* Interval between progress reports, in messages per stream. tests/openamp/src/plan.rs explains
 * the value.
 */
#define STEP 4000

static uint32_t wrong_count;
static uint32_t echoed;
static struct rpmsg_endpoint echo;

void wrong(const char *what, uint32_t number, int detail)
{
	/* The first errors are enough to find the cause. */
	if (wrong_count++ < 10) {
		printk("wrong %s: %u, %d\n", what, number, detail);
	}
}

static int on_echo(struct rpmsg_endpoint *endpoint, void *data, size_t length, uint32_t source,
		   void *context)
{
	ARG_UNUSED(context);
	/* Send from the callback, as the C samples do. */
	if (length > 0 && rpmsg_sendto(endpoint, data, length, source) == (int)length) {
		echoed++;
	}
	return RPMSG_SUCCESS;
}

static void print(const char *what, int layout)
{
	printk("%s side=c role=%s layout=%s copy=%u nocopy=%u hold=%u own=%u theirs=%u wrong=%u\n",
	       what, HOST ? "host" : "remote", layout_name(layout), stream_done(COPY),
	       stream_done(NOCOPY), stream_done(HOLD), churn_own(), churn_theirs(), wrong_count);
}

static uint32_t least(void)
{
	return MIN(stream_done(COPY), MIN(stream_done(NOCOPY), stream_done(HOLD)));
}

/* Returns true if both sides have finished a layout. The host reports this only after it has
 * reset its status.
 */
static bool both_are_through(int layout)
{
	if (!HOST) {
		transport_through(layout);
	}
	return transport_is_through(layout);
}

/* Runs one link in one layout. Returns 1 if both sides have finished, 0 if the host has left before
 * that, or an error.
 */
static int session(int layout)
{
	uint32_t next = STEP;
	bool finished = false;
	int result;

	wrong_count = 0;
	result = transport_start(layout, churn_announced);
	if (result != 0) {
		return result;
	}
	churn_start(transport_device());
	result = streams_open(transport_device());
	if (result == RPMSG_SUCCESS) {
		result = rpmsg_create_ept(&echo, transport_device(), "echo", RPMSG_ADDR_ANY,
					  RPMSG_ADDR_ANY, on_echo, NULL);
	}
	if (result == RPMSG_SUCCESS) {
		result = ping_open(transport_device());
	}
	if (result != RPMSG_SUCCESS) {
		return result;
	}
	printk("up\n");
	transport_receive();
	while (layout_is_up()) {
		bool any = streams_step();

		any |= ping_step();
		any |= churn_step(!finished && least() > 0 && least() < MESSAGES);
		if (least() >= next) {
			print("progress", layout);
			next += STEP;
		}
		if (!finished && least() == MESSAGES && !churn_is_open()) {
			finished = true;
			print("figures", layout);
		}
		if (IS_ENABLED(CONFIG_TEST_LAYOUTS) && finished && both_are_through(layout)) {
			transport_stop();
			transport_through(layout);
			return 1;
		}
		if (!any) {
			transport_wait();
		}
	}
	/* A host resets its status just before it reports that it has finished the layout. */
	for (int i = 0; IS_ENABLED(CONFIG_TEST_LAYOUTS) && finished && i < 1000; i++) {
		if (both_are_through(layout)) {
			transport_stop();
			return 1;
		}
		k_msleep(1);
	}
	print("the host has gone:", layout);
	transport_stop();
	return 0;
}

int main(void)
{
	int result = transport_open();
	int layout = 0;

	while (result >= 0 && layout < LAYOUTS) {
		result = session(layout);
		layout += MAX(result, 0);
	}
	if (result < 0) {
		printk("error: %d\n", result);
	} else {
		printk("all layouts\n");
	}
	return 0;
}
