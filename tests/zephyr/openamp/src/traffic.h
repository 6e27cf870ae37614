/* SPDX-License-Identifier: Apache-2.0 */
/* The test's traffic on the C side: three streams, short-lived endpoints, and a ping. All functions
 * are called from the main thread.
 */
#ifndef TRAFFIC_H_
#define TRAFFIC_H_

#include <stdbool.h>
#include <stdint.h>

#include <openamp/open_amp.h>

/* Number of messages per stream and direction. The Rust side uses the same value. */
#define MESSAGES (IS_ENABLED(CONFIG_TEST_LAYOUTS) ? 10000 : 100000)

enum {
	COPY,
	NOCOPY,
	HOLD,
	STREAMS
};

/* Opens the stream endpoints. Returns 0 or open-amp's error. */
int streams_open(struct rpmsg_device *rdev);
/* Sends and releases as many messages as possible. Returns true if there was anything to do. */
bool streams_step(void);
/* Returns how many of a stream's messages are complete in both directions. */
uint32_t stream_done(int stream);

/* Resets the counts at the start of a session. */
void churn_start(struct rpmsg_device *rdev);
/* Opens and closes this side's endpoints, and answers the peer's endpoints. Returns true if there
 * was anything to do.
 */
bool churn_step(bool begin);
/* Returns true if this side has an endpoint open. */
bool churn_is_open(void);
/* Handles the announcement of an endpoint that does not match a local endpoint. */
void churn_announced(struct rpmsg_device *rdev, const char *name, uint32_t address);
/* Return the number of endpoints that each side has opened and closed. */
uint32_t churn_own(void);
uint32_t churn_theirs(void);

/* Opens an endpoint that sends to the peer's echo endpoint. Returns 0 or open-amp's error. */
int ping_open(struct rpmsg_device *rdev);
/* Sends the next ping if the previous ping has been answered. Returns true if a ping was sent. */
bool ping_step(void);

/* Reports a test failure. */
void wrong(const char *what, uint32_t number, int detail);

#endif /* TRAFFIC_H_ */
