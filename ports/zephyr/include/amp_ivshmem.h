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
 * The result of a call. C has the errno and the log line for each.
 */
enum amp_ivshmem_status {
	/**
	 * Done.
	 */
	AMP_IVSHMEM_STATUS_OK = 0,
	/**
	 * The device did not start: it is not ready.
	 */
	AMP_IVSHMEM_STATUS_NOT_STARTED = 1,
	/**
	 * The device has no doorbell (`ivshmem-plain`).
	 */
	AMP_IVSHMEM_STATUS_NO_DOORBELL = 2,
	/**
	 * Neither this device nor a peer can have this vector.
	 */
	AMP_IVSHMEM_STATUS_NO_SUCH_VECTOR = 3,
	/**
	 * No peer can have this id: the last one is 65535.
	 */
	AMP_IVSHMEM_STATUS_NO_SUCH_PEER = 4,
	/**
	 * The registers are not at a multiple of 4.
	 */
	AMP_IVSHMEM_STATUS_BAD_REGISTERS = 5,
	/**
	 * The memory's size is not a power of two from 4096 bytes to 2 GiB, or it is not at a
	 * multiple of 8.
	 */
	AMP_IVSHMEM_STATUS_BAD_MEMORY = 6,
	/**
	 * IVPOSITION holds no peer id.
	 */
	AMP_IVSHMEM_STATUS_NO_SERVER = 7,
};

/**
 * The addresses of a device, and C's memory for its handlers.
 */
struct amp_ivshmem_place {
	/**
	 * Address of the mapped registers; 0 if the device has none.
	 */
	size_t registers;
	/**
	 * Address of the mapped shared memory.
	 */
	size_t memory;
	/**
	 * Its size in bytes.
	 */
	size_t size;
	/**
	 * A handler for each vector, all NULL; or NULL if none is ever registered.
	 */
	struct k_poll_signal **handlers;
	/**
	 * The vectors of this machine, each with its interrupt connected; 0 without a doorbell.
	 */
	uint16_t vectors;
};

/**
 * Starts the device at `place`. Interrupts may occur from now on.
 *
 * Contract:
 * * `state` is zeroed, and C passes it to the other functions only after this one. C rings,
 *   registers handlers and looks them up under one lock.
 * * The registers stay mapped as device memory, and the shared memory stays mapped. Nobody
 *   else uses the registers and the handlers, and the handlers stay valid.
 */
enum amp_ivshmem_status amp_ivshmem_start(struct amp_ivshmem *state,
					  const struct amp_ivshmem_place *place);

/**
 * Returns the shared memory's size and stores its address in `address`; both are 0 if the device
 * has not started.
 */
size_t amp_ivshmem_memory(const struct amp_ivshmem *state, void **address);

/**
 * Returns this machine's peer id; 0 without a doorbell.
 */
uint32_t amp_ivshmem_id(const struct amp_ivshmem *state);

/**
 * Returns the number of vectors.
 */
uint16_t amp_ivshmem_vectors(const struct amp_ivshmem *state);

/**
 * Rings `vector` at `peer`. When the peer takes the interrupt, it sees all stores to the
 * shared memory that were made before the call. An absent peer is not an error.
 */
enum amp_ivshmem_status amp_ivshmem_ring(const struct amp_ivshmem *state,
					 uint32_t peer,
					 uint16_t vector);

/**
 * Makes `amp_ivshmem_interrupted` return `signal` for `vector` from now on. NULL removes the
 * signal.
 */
enum amp_ivshmem_status amp_ivshmem_register(const struct amp_ivshmem *state,
					     struct k_poll_signal *signal,
					     uint16_t vector);

/**
 * Returns the signal to raise when `vector` has rung, or NULL.
 */
struct k_poll_signal *amp_ivshmem_interrupted(const struct amp_ivshmem *state, uint16_t vector);

/** The memory of a device: all zero before it starts. */
struct amp_ivshmem {
	uintptr_t opaque[AMP_IVSHMEM_WORDS];
};

#endif /* AMP_IVSHMEM_H_ */
