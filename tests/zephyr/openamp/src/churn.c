/* SPDX-License-Identifier: Apache-2.0 */
/* Short-lived endpoints, which are opened and closed while the streams run. This side announces an
 * endpoint, the peer answers with the endpoint's name, and this side destroys the endpoint. In the
 * other direction, this side answers each of the peer's endpoints, and destroys the answering
 * endpoint when the peer destroys the announced endpoint.
 */
#include <stdio.h>
#include <string.h>

#include <zephyr/kernel.h>

#include "traffic.h"

#define VISITORS 8

struct announcement {
	char name[RPMSG_NAME_SIZE];
	uint32_t address;
};

/* An endpoint that answers one of the peer's endpoints. */
static struct visitor {
	struct rpmsg_endpoint endpoint;
	bool open;
	bool answered;
	volatile bool gone;
} visitors[VISITORS];

static struct rpmsg_device *device;
static struct rpmsg_endpoint own;
static bool own_open;
static volatile bool own_answered;
static uint32_t own_count;
static uint32_t their_count;
K_MSGQ_DEFINE(announcements, sizeof(struct announcement), 16, 4);

void churn_start(struct rpmsg_device *rdev)
{
	device = rdev;
	memset(visitors, 0, sizeof(visitors));
	own_open = false;
	own_count = 0;
	their_count = 0;
	k_msgq_purge(&announcements);
}

void churn_announced(struct rpmsg_device *rdev, const char *name, uint32_t address)
{
	struct announcement announcement = {.address = address};

	ARG_UNUSED(rdev);
	strncpy(announcement.name, name, sizeof(announcement.name) - 1);
	if (strncmp(announcement.name, "churn.", 6) == 0 &&
	    k_msgq_put(&announcements, &announcement, K_NO_WAIT) != 0) {
		wrong("too many announcements at once", address, 0);
	}
}

static int on_answer(struct rpmsg_endpoint *endpoint, void *data, size_t length, uint32_t source,
		     void *context)
{
	ARG_UNUSED(source);
	ARG_UNUSED(context);
	if (length != strlen(endpoint->name) || memcmp(data, endpoint->name, length) != 0) {
		wrong("answer", own_count, length);
	}
	own_answered = true;
	return RPMSG_SUCCESS;
}

static int on_nothing(struct rpmsg_endpoint *endpoint, void *data, size_t length, uint32_t source,
		      void *context)
{
	ARG_UNUSED(endpoint);
	ARG_UNUSED(data);
	ARG_UNUSED(source);
	ARG_UNUSED(context);
	wrong("message to an endpoint that only answers", their_count, length);
	return RPMSG_SUCCESS;
}

static void on_gone(struct rpmsg_endpoint *endpoint)
{
	CONTAINER_OF(endpoint, struct visitor, endpoint)->gone = true;
}

static bool visitor_step(struct visitor *visitor)
{
	struct announcement announcement;

	if (!visitor->open) {
		if (k_msgq_get(&announcements, &announcement, K_NO_WAIT) != 0) {
			return false;
		}
		visitor->answered = false;
		visitor->gone = false;
		visitor->open = rpmsg_create_ept(&visitor->endpoint, device, announcement.name,
						 RPMSG_ADDR_ANY, announcement.address, on_nothing,
						 on_gone) == RPMSG_SUCCESS;
		if (!visitor->open) {
			wrong("no endpoint for", announcement.address, 0);
		}
		return true;
	}
	if (!visitor->answered) {
		const char *name = visitor->endpoint.name;

		visitor->answered = rpmsg_trysend(&visitor->endpoint, name, strlen(name)) >= 0;
		return visitor->answered;
	}
	if (!visitor->gone) {
		return false;
	}
	rpmsg_destroy_ept(&visitor->endpoint);
	visitor->open = false;
	their_count++;
	return true;
}

bool churn_step(bool begin)
{
	bool any = false;

	for (int i = 0; i < VISITORS; i++) {
		any |= visitor_step(&visitors[i]);
	}
	if (own_open && own_answered) {
		rpmsg_destroy_ept(&own);
		own_open = false;
		own_count++;
		any = true;
	} else if (!own_open && begin) {
		char name[RPMSG_NAME_SIZE];

		(void)snprintf(name, sizeof(name), "churn.c%u", own_count);
		own_answered = false;
		own_open = rpmsg_create_ept(&own, device, name, RPMSG_ADDR_ANY, RPMSG_ADDR_ANY,
					    on_answer, NULL) == RPMSG_SUCCESS;
		if (!own_open) {
			wrong("no endpoint of its own", own_count, 0);
		}
		any = true;
	}
	return any;
}

bool churn_is_open(void)
{
	return own_open;
}

uint32_t churn_own(void)
{
	return own_count;
}

uint32_t churn_theirs(void)
{
	return their_count;
}
