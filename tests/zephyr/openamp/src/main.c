/* The C side of the test of OpenAMP's wire: sends and checks three streams while endpoints come and go, answers, pings who
 * answers, and prints what it counted. A remote whose host goes away begins anew with the next. With
 * CONFIG_TEST_LAYOUTS it does so in one layout after the other.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#include "traffic.h"
#include "transport.h"

/* How often to say how far it is, in messages of each stream; as in tests/openamp/src/lib.rs, which has the reason. */
#define STEP 4000

static uint32_t wrong_count;
static uint32_t echoed;
static struct rpmsg_endpoint echo;

void wrong(const char *what, uint32_t number, int detail)
{
	/* The first few tell what it is. */
	if (wrong_count++ < 10) {
		printk("wrong %s: %u, %d\n", what, number, detail);
	}
}

static int on_echo(struct rpmsg_endpoint *endpoint, void *data, size_t length, uint32_t source, void *context)
{
	ARG_UNUSED(context);
	/* From the callback, as C's samples do. */
	if (length > 0 && rpmsg_sendto(endpoint, data, length, source) == (int)length) {
		echoed++;
	}
	return RPMSG_SUCCESS;
}

static void print(const char *what, int layout)
{
	printk("%s side=c role=%s layout=%s copy=%u nocopy=%u hold=%u own=%u theirs=%u wrong=%u\n", what,
	       HOST ? "host" : "remote", layout_name(layout), stream_done(COPY), stream_done(NOCOPY),
	       stream_done(HOLD), churn_own(), churn_theirs(), wrong_count);
}

static uint32_t least(void)
{
	return MIN(stream_done(COPY), MIN(stream_done(NOCOPY), stream_done(HOLD)));
}

/* Whether both sides are through with a layout. The host says so only when its status is taken back. */
static bool both_are_through(int layout)
{
	if (!HOST) {
		transport_through(layout);
	}
	return transport_is_through(layout);
}

/* One link, in one layout. 1 where both sides are through with it, 0 where the host has gone before, or an error. */
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
		result = rpmsg_create_ept(&echo, transport_device(), "echo", RPMSG_ADDR_ANY, RPMSG_ADDR_ANY, on_echo, NULL);
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
	/* A host takes its status back just before it says that it is through. */
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
