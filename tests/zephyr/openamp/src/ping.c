/* SPDX-License-Identifier: Apache-2.0 */
/* Sends numbered messages to the peer's echo endpoint, one at a time. */
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#include "content.h"
#include "traffic.h"

#define PINGS 10000
/* The first index after the streams' indices. */
#define INDEX 6

static struct rpmsg_endpoint endpoint;
static uint32_t sent;
static volatile uint32_t answered;
static volatile uint32_t wrong_answers;

/* A ping is never empty, because an empty message is a greeting. */
static size_t length_of(const struct content *content)
{
	return MAX(content_length(content), 1);
}

static int on_answer(struct rpmsg_endpoint *self, void *data, size_t length, uint32_t source,
		     void *context)
{
	struct content content = content_of(INDEX, answered);
	bool right = length == length_of(&content) && answered + 1 == sent;

	ARG_UNUSED(self);
	ARG_UNUSED(source);
	ARG_UNUSED(context);
	if (length == 0) {
		return RPMSG_SUCCESS;
	}
	for (size_t i = 0; right && i < length; i++) {
		right = ((uint8_t *)data)[i] == content_byte(&content, i);
	}
	if (!right) {
		wrong_answers++;
		wrong("answer to a ping", answered, length);
	}
	answered++;
	if (answered == PINGS) {
		printk("pinged messages=%u wrong=%u\n", answered, wrong_answers);
	}
	return RPMSG_SUCCESS;
}

int ping_open(struct rpmsg_device *rdev)
{
	sent = 0;
	answered = 0;
	wrong_answers = 0;
	return rpmsg_create_ept(&endpoint, rdev, "mirror", RPMSG_ADDR_ANY, RPMSG_ADDR_ANY,
				on_answer, NULL);
}

bool ping_step(void)
{
	static uint8_t message[MAX_MESSAGE];
	struct content content = content_of(INDEX, sent);
	size_t length = length_of(&content);
	int result;

	if (sent == PINGS || answered < sent || !is_rpmsg_ept_ready(&endpoint)) {
		return false;
	}
	for (size_t i = 0; i < length; i++) {
		message[i] = content_byte(&content, i);
	}
	/* Count the message before sending it, because the answer may arrive before the call
	 * returns.
	 */
	sent++;
	result = rpmsg_trysend(&endpoint, message, length);
	if (result != (int)length) {
		sent--;
		if (result != RPMSG_ERR_NO_BUFF) {
			wrong("ping", sent, result);
		}
	}
	return result == (int)length;
}
