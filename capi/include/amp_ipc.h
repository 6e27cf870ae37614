/* SPDX-License-Identifier: Apache-2.0 */
/* The C ABI of amp-ivshmem: one rpmsg link. Generated from capi/src by cbindgen; do not edit. */
#ifndef AMP_IPC_H_
#define AMP_IPC_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Both must have the values with which the Rust library was built. */
#ifndef AMP_IPC_ENDPOINTS
#define AMP_IPC_ENDPOINTS 8
#endif
#ifndef AMP_IPC_BUFFERS_MAX
#define AMP_IPC_BUFFERS_MAX 16
#endif

struct amp_ipc;

/**
 * Number of 8-byte words in `struct amp_ipc` for the link itself.
 */
#define AMP_IPC_LINK_WORDS 84

/**
 * Number of 8-byte words per endpoint.
 */
#define AMP_IPC_ENDPOINT_WORDS 8

/**
 * Number of 8-byte words per buffer of one side.
 */
#define AMP_IPC_BUFFER_WORDS 6

/**
 * The result of a call.
 */
enum amp_ipc_status {
	/**
	 * Success.
	 */
	AMP_IPC_STATUS_OK = 0,
	/**
	 * The instance is not open.
	 */
	AMP_IPC_STATUS_NOT_OPEN = 1,
	/**
	 * The instance is already open.
	 */
	AMP_IPC_STATUS_ALREADY_OPEN = 2,
	/**
	 * The setup does not match the memory, the device or this build, or the memory already
	 * contains something else. The reason is logged.
	 */
	AMP_IPC_STATUS_UNUSABLE = 3,
	/**
	 * The instance has the maximum number of endpoints.
	 */
	AMP_IPC_STATUS_NO_ROOM = 4,
	/**
	 * The name is empty, too long, or already in use.
	 */
	AMP_IPC_STATUS_BAD_NAME = 5,
	/**
	 * The endpoint does not exist.
	 */
	AMP_IPC_STATUS_NO_ENDPOINT = 6,
	/**
	 * The peer holds all buffers.
	 */
	AMP_IPC_STATUS_NO_BUFFER = 7,
	/**
	 * There is no peer, or the peer has not opened this endpoint yet.
	 */
	AMP_IPC_STATUS_NOT_BOUND = 8,
	/**
	 * The message does not fit in a buffer.
	 */
	AMP_IPC_STATUS_TOO_LONG = 9,
	/**
	 * No buffer of the link starts at this address.
	 */
	AMP_IPC_STATUS_UNKNOWN_BUFFER = 10,
	/**
	 * The buffer at this address has been returned, or is already held.
	 */
	AMP_IPC_STATUS_STALE_BUFFER = 11,
};

/**
 * The level of a log line.
 */
enum amp_ipc_log {
	/**
	 * An error that needs attention.
	 */
	AMP_IPC_LOG_ERROR = 0,
	/**
	 * A change in the link's state.
	 */
	AMP_IPC_LOG_INFO = 1,
};

/**
 * The kind of an event.
 */
enum amp_ipc_kind {
	/**
	 * A message of `length` bytes for `endpoint` is at `data`, in the setup's receive buffer or
	 * in shared memory. The message is valid until the callback returns or, if it is held,
	 * until it is released.
	 */
	AMP_IPC_KIND_MESSAGE = 0,
	/**
	 * A message of `length` bytes for `endpoint` did not fit in the setup's receive buffer and
	 * is lost.
	 */
	AMP_IPC_KIND_MESSAGE_TOO_LONG = 1,
	/**
	 * `endpoint` can send.
	 */
	AMP_IPC_KIND_BOUND = 2,
	/**
	 * `endpoint` can no longer send.
	 */
	AMP_IPC_KIND_UNBOUND = 3,
	/**
	 * The link is up. `length` is the peer id.
	 */
	AMP_IPC_KIND_UP = 4,
	/**
	 * The link is down. The reason is logged.
	 */
	AMP_IPC_KIND_DOWN = 5,
	/**
	 * The link cannot come up for now. The reason is logged.
	 */
	AMP_IPC_KIND_INCOMPATIBLE = 6,
	/**
	 * The link is down or cannot come up, because another peer has this side's role on the
	 * link. `length` is the id of that peer. Nothing is logged.
	 */
	AMP_IPC_KIND_ROLE_CONFLICT = 7,
};

/**
 * An event of an instance.
 */
struct amp_ipc_event {
	/**
	 * The kind of event.
	 */
	enum amp_ipc_kind kind;
	/**
	 * The endpoint's number.
	 */
	uint32_t endpoint;
	/**
	 * The meaning of this field depends on `kind`.
	 */
	uint32_t length;
	/**
	 * A message's payload. If it is in shared memory, the peer can change it at any time.
	 */
	const void *data;
};

/**
 * The functions that a port provides. Each one receives the setup's context. Only `event` may
 * call functions of the instance.
 */
struct amp_ipc_callbacks {
	/**
	 * Rings doorbell `vector` of `peer`. Returns 0, or a nonzero value if the device does not
	 * have this vector.
	 */
	int32_t (*ring)(void *context, uint32_t peer, uint16_t vector);
	/**
	 * Returns the time in microseconds. The time must never go backwards.
	 */
	uint64_t (*now)(void *context);
	/**
	 * Logs a line. `text` is a string constant.
	 */
	void (*log)(void *context, enum amp_ipc_log level, const char *text);
	/**
	 * Handles an event. `amp_ipc_poll` does not use the instance during this call. The callback
	 * may therefore release the instance's lock, and may call any function except
	 * `amp_ipc_poll`.
	 */
	void (*event)(void *context, const struct amp_ipc_event *event);
};

/**
 * The settings of an instance.
 */
struct amp_ipc_setup {
	/**
	 * The port's callbacks.
	 */
	const struct amp_ipc_callbacks *callbacks;
	/**
	 * First argument of each callback.
	 */
	void *context;
	/**
	 * Address of the shared memory.
	 */
	void *memory;
	/**
	 * Size of the shared memory in bytes.
	 */
	size_t size;
	/**
	 * Private buffer to which each message is copied. If NULL, messages stay in shared memory.
	 */
	uint8_t *rx_buffer;
	/**
	 * Size of the receive buffer in bytes.
	 */
	size_t rx_capacity;
	/**
	 * This side's peer id, as assigned by the server.
	 */
	uint32_t id;
	/**
	 * Heartbeat interval in milliseconds.
	 */
	uint32_t heartbeat;
	/**
	 * Time in milliseconds without a sign of life after which the peer counts as dead. 0 for no
	 * limit.
	 */
	uint32_t peer_timeout;
	/**
	 * Host only: offset of the link's area in bytes.
	 */
	uint32_t area_offset;
	/**
	 * Host only: size of the link's area in bytes. 0 for all pages after the directory.
	 */
	uint32_t area_size;
	/**
	 * Size of each transmit buffer in bytes, including the header.
	 */
	uint32_t buffer_size;
	/**
	 * Number of transmit buffers.
	 */
	uint16_t buffer_count;
	/**
	 * Link number in the memory's directory.
	 */
	uint8_t link;
	/**
	 * True for the host, false for the remote.
	 */
	bool host;
};

/**
 * Holds the message at `data` until `amp_ipc_release` is called. Must be called from the message's
 * event callback.
 */
enum amp_ipc_status amp_ipc_hold(struct amp_ipc *state, uint32_t number, const void *data);

/**
 * Returns the held message at `data` to the peer.
 */
enum amp_ipc_status amp_ipc_release(struct amp_ipc *state, uint32_t number, const void *data);

/**
 * Reserves a buffer for at least `size` bytes, and stores its address in `buffer`. Also stores the
 * buffer's capacity in `size`, even if the result is AMP_IPC_STATUS_TOO_LONG. Never blocks.
 */
enum amp_ipc_status amp_ipc_reserve(struct amp_ipc *state,
				    uint32_t number,
				    uint32_t *size,
				    void **buffer);

/**
 * Drops the reserved buffer at `buffer` without sending it.
 */
enum amp_ipc_status amp_ipc_drop(struct amp_ipc *state, uint32_t number, const void *buffer);

/**
 * Sends the first `length` bytes of the reserved buffer at `buffer`. If sending fails, the buffer
 * stays reserved.
 */
enum amp_ipc_status amp_ipc_send_reserved(struct amp_ipc *state,
					  uint32_t number,
					  const void *buffer,
					  size_t length);

/**
 * Opens the instance.
 *
 * Contract:
 * * `state` must have been zeroed before it was first used. The port must call all functions that
 *   take `state` under one lock.
 * * The shared memory must be 8-byte aligned. It must stay mapped, as memory shared with other
 *   machines, until the system is reset.
 * * The callbacks must stay valid until the instance is closed, and must behave as documented in
 *   `struct amp_ipc_callbacks`. Until the instance is closed, the receive buffer must be
 *   initialised private memory that nothing else uses.
 */
enum amp_ipc_status amp_ipc_open(struct amp_ipc *state, const struct amp_ipc_setup *setup);

/**
 * Closes the instance and all its endpoints, and tells the peer.
 */
enum amp_ipc_status amp_ipc_close(struct amp_ipc *state);

/**
 * Opens an endpoint and stores its number in `number`. The endpoint's name is the `length` bytes
 * at `name`.
 *
 * Contract:
 * The bytes must be readable. They may be in shared memory.
 */
enum amp_ipc_status amp_ipc_register(struct amp_ipc *state,
				     const char *name,
				     size_t length,
				     uint32_t *number);

/**
 * Closes an endpoint, and tells the peer.
 */
enum amp_ipc_status amp_ipc_deregister(struct amp_ipc *state, uint32_t number);

/**
 * Sends the `length` bytes at `payload`. Never blocks.
 *
 * Contract:
 * The bytes must be readable. They may be in shared memory, for example in a received message.
 */
enum amp_ipc_status amp_ipc_send(struct amp_ipc *state,
				 uint32_t number,
				 const void *payload,
				 size_t length);

/**
 * Returns the maximum payload length in bytes, or 0 without a peer.
 */
uint32_t amp_ipc_max_message(struct amp_ipc *state);

/**
 * Shows the peer that this side is alive. Normally, `amp_ipc_poll` does this. While an event
 * callback runs, the port calls this function once per heartbeat interval.
 */
void amp_ipc_show_life(struct amp_ipc *state);

/**
 * Handles at most one event, and calls the event callback for it. Returns the time in microseconds
 * at which to call again even without a doorbell, or 0 if there may be more events now.
 *
 * Contract:
 * `state` must meet the contract of `amp_ipc_open`. This function must not be called from a
 * callback.
 */
uint64_t amp_ipc_poll(struct amp_ipc *state);

/** The memory of an instance. Zero it before the instance is first opened. */
struct amp_ipc {
	uint64_t opaque[AMP_IPC_LINK_WORDS + AMP_IPC_ENDPOINT_WORDS * AMP_IPC_ENDPOINTS +
			AMP_IPC_BUFFER_WORDS * AMP_IPC_BUFFERS_MAX];
};

#ifdef __cplusplus
}
#endif

#endif /* AMP_IPC_H_ */
