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

/* Both must be what the Rust was built with. */
#ifndef AMP_IPC_ENDPOINTS
#define AMP_IPC_ENDPOINTS 8
#endif
#ifndef AMP_IPC_BUFFERS_MAX
#define AMP_IPC_BUFFERS_MAX 16
#endif

struct amp_ipc;

/**
 * The 8-byte words of a `struct amp_ipc` for the link itself.
 */
#define AMP_IPC_LINK_WORDS 84

/**
 * The 8-byte words for each endpoint.
 */
#define AMP_IPC_ENDPOINT_WORDS 8

/**
 * The 8-byte words for each buffer of one side.
 */
#define AMP_IPC_BUFFER_WORDS 6

/**
 * The result of a call.
 */
enum amp_ipc_status {
	/**
	 * Done.
	 */
	AMP_IPC_STATUS_OK = 0,
	/**
	 * The instance is not open.
	 */
	AMP_IPC_STATUS_NOT_OPEN = 1,
	/**
	 * The instance is open already.
	 */
	AMP_IPC_STATUS_ALREADY_OPEN = 2,
	/**
	 * The setup does not fit the memory, the device or this build, or the memory holds
	 * something else. The log has a line.
	 */
	AMP_IPC_STATUS_UNUSABLE = 3,
	/**
	 * All endpoints of the instance are registered.
	 */
	AMP_IPC_STATUS_NO_ROOM = 4,
	/**
	 * The name is empty, too long, or in use.
	 */
	AMP_IPC_STATUS_BAD_NAME = 5,
	/**
	 * There is no such endpoint.
	 */
	AMP_IPC_STATUS_NO_ENDPOINT = 6,
	/**
	 * All buffers are with the peer.
	 */
	AMP_IPC_STATUS_NO_BUFFER = 7,
	/**
	 * There is no peer, or it has no such endpoint yet.
	 */
	AMP_IPC_STATUS_NOT_BOUND = 8,
	/**
	 * The message does not fit a buffer.
	 */
	AMP_IPC_STATUS_TOO_LONG = 9,
	/**
	 * No buffer of the link begins at this address.
	 */
	AMP_IPC_STATUS_UNKNOWN_BUFFER = 10,
	/**
	 * The buffer at this address has been given back, or is already held.
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
	 * A message of `length` bytes for `endpoint` is at `data`: in the setup's buffer, or in
	 * shared memory. It is valid until the callback returns, or longer if it is held.
	 */
	AMP_IPC_KIND_MESSAGE = 0,
	/**
	 * A message of `length` bytes for `endpoint` did not fit the setup's buffer and is lost.
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
	 * The link is down. The log has the reason.
	 */
	AMP_IPC_KIND_DOWN = 5,
	/**
	 * The peer's setup cannot be used. The log has the reason.
	 */
	AMP_IPC_KIND_INCOMPATIBLE = 6,
};

/**
 * An event of an instance.
 */
struct amp_ipc_event {
	/**
	 * The kind.
	 */
	enum amp_ipc_kind kind;
	/**
	 * The endpoint's number.
	 */
	uint32_t endpoint;
	/**
	 * See the kind.
	 */
	uint32_t length;
	/**
	 * A message's bytes. They may lie in the shared memory, where the peer can write them at
	 * any time.
	 */
	const void *data;
};

/**
 * The functions that a port supplies. Each receives the setup's context. Only `event` may call
 * functions for the instance.
 */
struct amp_ipc_callbacks {
	/**
	 * Rings the doorbell `vector` at `peer`. Returns 0, or another number if the device has no
	 * such vector.
	 */
	int32_t (*ring)(void *context, uint32_t peer, uint16_t vector);
	/**
	 * Returns the time in microseconds. It never runs backwards.
	 */
	uint64_t (*now)(void *context);
	/**
	 * Logs a line. The text is a constant.
	 */
	void (*log)(void *context, enum amp_ipc_log level, const char *text);
	/**
	 * Handles an event. `amp_ipc_poll` calls it while it uses nothing of the instance: the
	 * callback may release the instance's lock, and may call every function except
	 * `amp_ipc_poll`.
	 */
	void (*event)(void *context, const struct amp_ipc_event *event);
};

/**
 * The settings of an instance.
 */
struct amp_ipc_setup {
	/**
	 * The port's functions.
	 */
	const struct amp_ipc_callbacks *callbacks;
	/**
	 * The first argument of each callback.
	 */
	void *context;
	/**
	 * The address of the shared memory.
	 */
	void *memory;
	/**
	 * The size of the shared memory in bytes.
	 */
	size_t size;
	/**
	 * Private memory to which each message is copied. If it is NULL, messages stay in shared
	 * memory.
	 */
	uint8_t *rx_buffer;
	/**
	 * The size of the receive buffer in bytes.
	 */
	size_t rx_capacity;
	/**
	 * This side's peer id on the server.
	 */
	uint32_t id;
	/**
	 * The heartbeat in milliseconds.
	 */
	uint32_t heartbeat;
	/**
	 * Milliseconds of silence after which the peer counts as dead; 0 for never.
	 */
	uint32_t peer_timeout;
	/**
	 * Host only: the offset of the link's area in the memory.
	 */
	uint32_t area_offset;
	/**
	 * Host only: size of the area in bytes; 0 for the whole memory.
	 */
	uint32_t area_size;
	/**
	 * Size of each buffer in bytes, including the header.
	 */
	uint32_t buffer_size;
	/**
	 * Number of transmit buffers.
	 */
	uint16_t buffer_count;
	/**
	 * The number of the link in the memory.
	 */
	uint8_t link;
	/**
	 * True for the host, false for the remote.
	 */
	bool host;
};

/**
 * Keeps the message at `data`, whose callback runs, until `amp_ipc_release`.
 */
enum amp_ipc_status amp_ipc_hold(struct amp_ipc *state, uint32_t number, const void *data);

/**
 * Gives the held message at `data` back to the peer.
 */
enum amp_ipc_status amp_ipc_release(struct amp_ipc *state, uint32_t number, const void *data);

/**
 * Reserves a buffer for at least `size` bytes and stores its address in `buffer`. Stores its
 * capacity in `size`, also if the result is AMP_IPC_STATUS_TOO_LONG. Never blocks.
 */
enum amp_ipc_status amp_ipc_reserve(struct amp_ipc *state,
				    uint32_t number,
				    uint32_t *size,
				    void **buffer);

/**
 * Returns the reserved buffer at `buffer` without sending it.
 */
enum amp_ipc_status amp_ipc_drop(struct amp_ipc *state, uint32_t number, const void *buffer);

/**
 * Sends the first `length` bytes of the reserved buffer at `buffer`. It stays reserved if it is
 * not sent.
 */
enum amp_ipc_status amp_ipc_send_reserved(struct amp_ipc *state,
					  uint32_t number,
					  const void *buffer,
					  size_t length);

/**
 * Opens the instance.
 *
 * Contract:
 * * `state` was zeroed before its first use. The port calls all functions for it under one lock.
 * * The setup's memory is at a multiple of 8, and stays mapped as memory that is shared with
 *   other machines as long as the system runs.
 * * The callbacks stay valid until the instance is closed, and do what `struct amp_ipc_callbacks`
 *   says. The receive buffer is private memory that nobody else uses until then, and was written
 *   before.
 */
enum amp_ipc_status amp_ipc_open(struct amp_ipc *state, const struct amp_ipc_setup *setup);

/**
 * Closes the instance and all its endpoints, and tells the peer.
 */
enum amp_ipc_status amp_ipc_close(struct amp_ipc *state);

/**
 * Opens an endpoint whose name is the `length` bytes at `name`, and stores its number in `number`.
 *
 * Contract:
 * The bytes can be read. They may lie in the shared memory.
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
 * The bytes can be read. They may lie in the shared memory, for example in a received message.
 */
enum amp_ipc_status amp_ipc_send(struct amp_ipc *state,
				 uint32_t number,
				 const void *payload,
				 size_t length);

/**
 * Returns the bytes of the longest message that can be sent now; 0 without a peer.
 */
uint32_t amp_ipc_max_message(struct amp_ipc *state);

/**
 * Handles at most one event, and calls the event callback for it. Returns the time at which to
 * call again without a doorbell, in microseconds; 0 if there may be more events now.
 *
 * Contract:
 * `state` is as for `amp_ipc_open`, and the function is not called from a callback.
 */
uint64_t amp_ipc_poll(struct amp_ipc *state);

/** The memory of an instance: all zero before it is first opened. */
struct amp_ipc {
	uint64_t opaque[AMP_IPC_LINK_WORDS + AMP_IPC_ENDPOINT_WORDS * AMP_IPC_ENDPOINTS +
			AMP_IPC_BUFFER_WORDS * AMP_IPC_BUFFERS_MAX];
};

#ifdef __cplusplus
}
#endif

#endif /* AMP_IPC_H_ */
