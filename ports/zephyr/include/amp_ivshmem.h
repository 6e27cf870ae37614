/* SPDX-License-Identifier: Apache-2.0 */
/* The Rust functions behind Zephyr's drivers. Generated from src by cbindgen; do not edit. */
#ifndef AMP_IVSHMEM_H_
#define AMP_IVSHMEM_H_

#include <stddef.h>
#include <stdint.h>

struct k_poll_signal;
struct amp_ivshmem;

/**
 * Size of a `struct amp_ivshmem`, in pointer-sized words.
 */
#define AMP_IVSHMEM_WORDS 8

/**
 * The result of a call. The C code maps each value to an errno and a log message.
 */
enum amp_ivshmem_status {
	/**
	 * The call succeeded.
	 */
	AMP_IVSHMEM_STATUS_OK = 0,
	/**
	 * The device has not started.
	 */
	AMP_IVSHMEM_STATUS_NOT_STARTED = 1,
	/**
	 * The device has no doorbell (`ivshmem-plain`).
	 */
	AMP_IVSHMEM_STATUS_NO_DOORBELL = 2,
	/**
	 * The vector number is out of range.
	 */
	AMP_IVSHMEM_STATUS_NO_SUCH_VECTOR = 3,
	/**
	 * The peer id is above 65535.
	 */
	AMP_IVSHMEM_STATUS_NO_SUCH_PEER = 4,
	/**
	 * The registers are not 4-byte aligned.
	 */
	AMP_IVSHMEM_STATUS_BAD_REGISTERS = 5,
	/**
	 * The shared memory is not 8-byte aligned, or its size is not a power of two from
	 * 4096 bytes to 2 GiB.
	 */
	AMP_IVSHMEM_STATUS_BAD_MEMORY = 6,
	/**
	 * IVPOSITION does not hold a valid peer id.
	 */
	AMP_IVSHMEM_STATUS_NO_SERVER = 7,
};

/**
 * The addresses of a device, and the handler table that C supplies for it.
 */
struct amp_ivshmem_place {
	/**
	 * Address of the mapped registers, or 0 if the device has none.
	 */
	size_t registers;
	/**
	 * Address of the mapped shared memory.
	 */
	size_t memory;
	/**
	 * Size of the shared memory in bytes.
	 */
	size_t size;
	/**
	 * Table with one handler per vector, initially all NULL. The pointer itself is NULL if no
	 * handler is ever registered.
	 */
	struct k_poll_signal **handlers;
	/**
	 * Number of vectors with a connected interrupt, or 0 if the device has no doorbell.
	 */
	uint16_t vectors;
};

/**
 * Starts the device at `place`. Interrupts may arrive before this function returns.
 *
 * Contract:
 * * `state` must be zeroed. C may call the other functions with `state` only after this call.
 *   C must hold one lock while it rings, registers a handler, or looks up a handler.
 * * The registers must stay mapped as device memory, the shared memory must stay mapped, and
 *   the handlers must stay valid. Nothing else may access the registers or the handlers.
 */
enum amp_ivshmem_status amp_ivshmem_start(struct amp_ivshmem *state,
					  const struct amp_ivshmem_place *place);

/**
 * Returns the size of the shared memory in bytes, and stores its address in `address`. Both are
 * 0 if the device has not started.
 */
size_t amp_ivshmem_memory(const struct amp_ivshmem *state, void **address);

/**
 * Returns this machine's peer id, or 0 if the device has no doorbell.
 */
uint32_t amp_ivshmem_id(const struct amp_ivshmem *state);

/**
 * Returns the number of doorbell vectors, or 0 if the device has not started.
 */
uint16_t amp_ivshmem_vectors(const struct amp_ivshmem *state);

/**
 * Rings doorbell `vector` of `peer`. When the peer takes the interrupt, it sees all stores to
 * the shared memory that precede this call. It is not an error if the peer is absent.
 */
enum amp_ivshmem_status amp_ivshmem_ring(const struct amp_ivshmem *state,
					 uint32_t peer,
					 uint16_t vector);

/**
 * Registers `signal` for `vector`, so that `amp_ivshmem_interrupted` returns it. NULL removes
 * the signal.
 */
enum amp_ivshmem_status amp_ivshmem_register(const struct amp_ivshmem *state,
					     struct k_poll_signal *signal,
					     uint16_t vector);

/**
 * Returns the signal to raise for a doorbell on `vector`, or NULL if none is registered.
 */
struct k_poll_signal *amp_ivshmem_interrupted(const struct amp_ivshmem *state, uint16_t vector);

/** The memory of a device: all zero before it starts. */
struct amp_ivshmem {
	uintptr_t opaque[AMP_IVSHMEM_WORDS];
};

#endif /* AMP_IVSHMEM_H_ */
