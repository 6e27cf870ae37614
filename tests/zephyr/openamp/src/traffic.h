/* The test's traffic on the C side: three streams, endpoints that come and go, and a ping. Called by main's thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAFFIC_H_
#define TRAFFIC_H_

#include <stdbool.h>
#include <stdint.h>

#include <openamp/open_amp.h>

/* Messages of each stream in each direction, as in the side in Rust. */
#define MESSAGES (IS_ENABLED(CONFIG_TEST_LAYOUTS) ? 10000 : 100000)

enum { COPY, NOCOPY, HOLD, STREAMS };

/* Opens the streams' endpoints; 0, or open-amp's error. */
int streams_open(struct rpmsg_device *rdev);
/* Sends what can be sent now, and releases what was held long enough; whether there was anything. */
bool streams_step(void);
/* How many messages of a stream have gone both ways. */
uint32_t stream_done(int stream);

/* A session's start. */
void churn_start(struct rpmsg_device *rdev);
/* Opens and closes endpoints, this side's own and those that answer the peer's; whether it did. */
bool churn_step(bool begin);
/* Whether an endpoint of this side's own is open now. */
bool churn_is_open(void);
/* The peer has announced an endpoint that none here matches. */
void churn_announced(struct rpmsg_device *rdev, const char *name, uint32_t address);
/* How many of this side's own, and of the peer's. */
uint32_t churn_own(void);
uint32_t churn_theirs(void);

/* An endpoint whose messages the peer is to answer with themselves, one at a time; 0, or open-amp's error. */
int ping_open(struct rpmsg_device *rdev);
/* Sends the next where the last is answered; whether it did. */
bool ping_step(void);

/* Something was not what it should be. */
void wrong(const char *what, uint32_t number, int detail);

#endif /* TRAFFIC_H_ */
