/* The C side of the test of OpenAMP's wire: sends and checks three streams while endpoints come and go, and prints what it
 * counted. A remote whose host goes away begins anew with the next.
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

static void print(const char *what)
{
	printk("%s side=c role=%s copy=%u nocopy=%u hold=%u own=%u theirs=%u wrong=%u\n", what,
	       HOST ? "host" : "remote", stream_done(COPY), stream_done(NOCOPY), stream_done(HOLD), churn_own(),
	       churn_theirs(), wrong_count);
}

static uint32_t least(void)
{
	return MIN(stream_done(COPY), MIN(stream_done(NOCOPY), stream_done(HOLD)));
}

static int session(void)
{
	uint32_t next = STEP;
	bool finished = false;
	int result;

	wrong_count = 0;
	result = transport_start(churn_announced);
	if (result != 0) {
		return result;
	}
	churn_start(transport_device());
	result = streams_open(transport_device());
	if (result == RPMSG_SUCCESS) {
		result = rpmsg_create_ept(&echo, transport_device(), "echo", RPMSG_ADDR_ANY, RPMSG_ADDR_ANY, on_echo, NULL);
	}
	if (result != RPMSG_SUCCESS) {
		return result;
	}
	printk("up\n");
	transport_receive();
	while (transport_is_up()) {
		bool any = streams_step();

		any |= churn_step(!finished && least() > 0 && least() < MESSAGES);
		if (least() >= next) {
			print("progress");
			next += STEP;
		}
		if (!finished && least() == MESSAGES && !churn_is_open()) {
			finished = true;
			print("figures");
		}
		if (!any) {
			transport_wait();
		}
	}
	print("the host has gone:");
	transport_stop();
	return 0;
}

int main(void)
{
	int result = transport_open();

	while (result == 0) {
		result = session();
	}
	printk("error: %d\n", result);
	return 0;
}
