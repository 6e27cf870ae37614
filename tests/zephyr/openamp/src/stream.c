/* SPDX-License-Identifier: Apache-2.0 */
/* Three streams of numbered messages in both directions. The first stream copies its messages, the
 * second stream does not copy, and the third stream holds messages after it has received them. The
 * message number determines the content, so a missing, duplicated or corrupted message is detected.
 */
#include <string.h>

#include <zephyr/kernel.h>

#include "content.h"
#include "traffic.h"
#include "transport.h"

/* Number of messages that the stream holds before it releases all of them in reverse order. */
#define HELD      4
#define HELD_ROOM 8
/* Number of messages filled in place for each buffer that is returned unsent. */
#define UNSENT    16

struct held {
	void *data;
	size_t length;
	uint32_t number;
};

static const char *const names[STREAMS] = {"copy", "nocopy", "hold"};

static struct stream {
	struct rpmsg_endpoint endpoint;
	uint32_t sent;
	volatile uint32_t received;
	struct held held[HELD_ROOM];
	volatile size_t held_count;
} streams[STREAMS];

static uint32_t outward(int stream)
{
	return 2 * stream + (HOST ? 0 : 1);
}

static void check(int stream, uint32_t number, const uint8_t *data, size_t length)
{
	struct content content = content_of(outward(stream) ^ 1, number);

	if (length != content_length(&content)) {
		wrong("length", number, length);
		return;
	}
	for (size_t i = 0; i < length; i++) {
		if (data[i] != content_byte(&content, i)) {
			wrong("byte", number, i);
			return;
		}
	}
}

static int on_message(struct rpmsg_endpoint *endpoint, void *data, size_t length, uint32_t source,
		      void *context)
{
	int stream = (struct stream *)context - streams;
	struct stream *self = context;

	ARG_UNUSED(source);
	/* The peer sends an empty greeting when it binds to this side's announcement. The first
	 * stream message is never empty.
	 */
	if (length == 0 && self->received == 0) {
		return RPMSG_SUCCESS;
	}
	if (stream == HOLD && self->held_count < HELD_ROOM) {
		rpmsg_hold_rx_buffer(endpoint, data);
		self->held[self->held_count++] = (struct held){data, length, self->received};
	} else {
		check(stream, self->received, data, length);
	}
	self->received++;
	return RPMSG_SUCCESS;
}

int streams_open(struct rpmsg_device *rdev)
{
	memset(streams, 0, sizeof(streams));
	for (int i = 0; i < STREAMS; i++) {
		int result = rpmsg_create_ept(&streams[i].endpoint, rdev, names[i], RPMSG_ADDR_ANY,
					      RPMSG_ADDR_ANY, on_message, NULL);

		if (result != RPMSG_SUCCESS) {
			return result;
		}
		streams[i].endpoint.priv = &streams[i];
	}
	return RPMSG_SUCCESS;
}

/* Takes a buffer that the caller fills in place. Before some messages, first takes a second buffer
 * and gives it back unsent.
 */
static uint8_t *take(struct stream *self)
{
	uint32_t length;
	uint8_t *buffer = rpmsg_get_tx_payload_buffer(&self->endpoint, &length, false);

	if (buffer != NULL && self->sent % UNSENT == 0) {
		memset(buffer, 0xff, length);
		(void)rpmsg_release_tx_buffer(&self->endpoint, buffer);
		buffer = rpmsg_get_tx_payload_buffer(&self->endpoint, &length, false);
	}
	return buffer;
}

static bool send(int stream)
{
	static uint8_t copy[MAX_MESSAGE];
	struct stream *self = &streams[stream];
	struct content content = content_of(outward(stream), self->sent);
	size_t length = content_length(&content);
	uint8_t *to = stream == NOCOPY ? take(self) : copy;
	int result;

	if (to == NULL) {
		return false;
	}
	for (size_t i = 0; i < length; i++) {
		to[i] = content_byte(&content, i);
	}
	result = stream == NOCOPY ? rpmsg_send_nocopy(&self->endpoint, to, length)
				  : rpmsg_trysend(&self->endpoint, to, length);
	if (result == (int)length) {
		self->sent++;
		return true;
	}
	if (result != RPMSG_ERR_NO_BUFF) {
		wrong("send", self->sent, result);
	}
	return false;
}

/* Checks and releases the held messages. */
static bool release(struct stream *self)
{
	struct held held[HELD_ROOM];
	size_t count;

	if (self->held_count < HELD && (self->received < MESSAGES || self->held_count == 0)) {
		return false;
	}
	k_sched_lock();
	count = self->held_count;
	memcpy(held, self->held, sizeof(held));
	self->held_count = 0;
	k_sched_unlock();
	while (count > 0) {
		count--;
		check(HOLD, held[count].number, held[count].data, held[count].length);
		rpmsg_release_rx_buffer(&self->endpoint, held[count].data);
	}
	return true;
}

bool streams_step(void)
{
	bool any = release(&streams[HOLD]);

	for (int i = 0; i < STREAMS; i++) {
		if (streams[i].sent < MESSAGES && is_rpmsg_ept_ready(&streams[i].endpoint)) {
			any |= send(i);
		}
	}
	return any;
}

uint32_t stream_done(int stream)
{
	/* Held messages have not been checked yet. */
	return MIN(streams[stream].sent, streams[stream].received - streams[stream].held_count);
}
