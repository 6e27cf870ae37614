/* What the Rust of ports/zephyr offers to the ipc_service backend for one link. Its contracts are in src/ipc.rs. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AMP_IPC_H_
#define AMP_IPC_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device;

/* As in src/ipc.rs, which is built with the same settings. */
#define AMP_IPC_ENDPOINTS   CONFIG_AMP_IVSHMEM_IPC_ENDPOINTS
#define AMP_IPC_BUFFERS_MAX CONFIG_AMP_IVSHMEM_IPC_BUFFERS_MAX

/* Numbers as in src/ipc.rs, `Status`. */
enum amp_ipc_status {
	AMP_IPC_OK = 0,
	AMP_IPC_NOT_OPEN = 1,
	AMP_IPC_ALREADY_OPEN = 2,
	AMP_IPC_UNUSABLE = 3,
	AMP_IPC_NO_ROOM = 4,
	AMP_IPC_BAD_NAME = 5,
	AMP_IPC_NO_ENDPOINT = 6,
	AMP_IPC_NO_BUFFER = 7,
	AMP_IPC_NOT_BOUND = 8,
	AMP_IPC_TOO_LONG = 9,
	AMP_IPC_NOT_LENT = 10,
	AMP_IPC_NOT_ANY_MORE = 11,
};

/* Numbers as in src/ipc.rs, `Kind`. */
enum amp_ipc_kind {
	AMP_IPC_NOTHING = 0,
	AMP_IPC_MESSAGE = 1,
	AMP_IPC_MESSAGE_TOO_LONG = 2,
	AMP_IPC_BOUND = 3,
	AMP_IPC_UNBOUND = 4,
	AMP_IPC_UP = 5,
	AMP_IPC_DOWN = 6,
	AMP_IPC_FAULT = 7,
	AMP_IPC_REFUSED = 8,
};

/* 8-byte words of a link, and of each endpoint and buffer of it. src/ipc.rs reads them here, and does not compile where they
 * are too few or far too many.
 */
#define AMP_IPC_LINK_WORDS     79
#define AMP_IPC_ENDPOINT_WORDS 8
#define AMP_IPC_BUFFER_WORDS   6

/* Room for a link. All zero before it is first opened; of one lock with every call. */
struct amp_ipc {
	uint64_t opaque[AMP_IPC_LINK_WORDS + AMP_IPC_ENDPOINT_WORDS * AMP_IPC_ENDPOINTS +
			AMP_IPC_BUFFER_WORDS * AMP_IPC_BUFFERS_MAX];
};

struct amp_ipc_setup {
	const struct device *device;
	uintptr_t memory;
	size_t size;
	uint32_t id;
	uint32_t heartbeat; /* ms */
	uint32_t silence;   /* ms; 0: never */
	uint32_t area_offset;
	uint32_t area_size; /* 0: all of the memory */
	uint32_t buffer_size;
	uint16_t buffer_count;
	uint8_t link;
	bool host;
};

struct amp_ipc_event {
	uint64_t deadline; /* us */
	enum amp_ipc_kind kind;
	uint32_t endpoint;
	uint32_t length;
	uintptr_t data;
};

enum amp_ipc_status amp_ipc_open(struct amp_ipc *state, const struct amp_ipc_setup *setup);
enum amp_ipc_status amp_ipc_close(struct amp_ipc *state);
enum amp_ipc_status amp_ipc_register(struct amp_ipc *state, const char *name, size_t length, uint32_t *number);
enum amp_ipc_status amp_ipc_deregister(struct amp_ipc *state, uint32_t number);
enum amp_ipc_status amp_ipc_send(struct amp_ipc *state, uint32_t number, const void *payload, size_t length);
uint32_t amp_ipc_max_message(struct amp_ipc *state);
void amp_ipc_poll(struct amp_ipc *state, uint64_t now, void *buffer, size_t capacity, struct amp_ipc_event *event);

/* Without a copy: src/ipc/buffers.rs. */
void amp_ipc_done(struct amp_ipc *state);
enum amp_ipc_status amp_ipc_hold(struct amp_ipc *state, uint32_t number, uintptr_t address);
enum amp_ipc_status amp_ipc_release(struct amp_ipc *state, uint32_t number, uintptr_t address);
enum amp_ipc_status amp_ipc_reserve(struct amp_ipc *state, uint32_t number, uint32_t *size, uintptr_t *address);
enum amp_ipc_status amp_ipc_drop(struct amp_ipc *state, uint32_t number, uintptr_t address);
enum amp_ipc_status amp_ipc_send_reserved(struct amp_ipc *state, uint32_t number, uintptr_t address, size_t length);

#endif /* AMP_IPC_H_ */
