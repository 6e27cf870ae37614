/* SPDX-License-Identifier: Apache-2.0 */
/* The test's traffic on the C side: three streams, endpoints that come and go, and a ping. Called
 * from the main thread.
 */
#ifndef TRAFFIC_H_
#define TRAFFIC_H_

#include <stdbool.h>
#include <stdint.h>

#include <openamp/open_amp.h>

/* Messages of each stream in each direction. The Rust side has the same value. */
#define MESSAGES (IS_ENABLED(CONFIG_TEST_LAYOUTS) ? 10000 : 100000)

enum {
	COPY,
	NOCOPY,
	HOLD,
	STREAMS
};

/* Opens the endpoints of the streams. Returns 0 or open-amp's error. */
int streams_open(struct rpmsg_device *rdev);
/* Sends and releases as much as possible now. Returns true if it did anything. */
bool streams_step(void);
/* Returns the number of messages of a stream that have gone both ways. */
uint32_t stream_done(int stream);

/* Resets the counts at the start of a session. */
void churn_start(struct rpmsg_device *rdev);
/* Opens and closes endpoints: this side's own, and the answers to the peer's. Returns true if it
 * did anything.
 */
bool churn_step(bool begin);
/* Returns true if an endpoint of this side's own is open. */
bool churn_is_open(void);
/* Handles an announced endpoint that matches no local one. */
void churn_announced(struct rpmsg_device *rdev, const char *name, uint32_t address);
/* Number of this side's own endpoints, and of the peer's. */
uint32_t churn_own(void);
uint32_t churn_theirs(void);

/* Opens an endpoint whose messages the peer echoes, one at a time. Returns 0 or open-amp's error.
 */
int ping_open(struct rpmsg_device *rdev);
/* Sends the next message if the last one is answered. Returns true if it did. */
bool ping_step(void);

/* Reports an error of the test. */
void wrong(const char *what, uint32_t number, int detail);

#endif /* TRAFFIC_H_ */
