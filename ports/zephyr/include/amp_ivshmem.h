/* What the Rust of ports/zephyr offers to Zephyr's drivers for one ivshmem device. Its contracts are in src/ivshmem.rs. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AMP_IVSHMEM_H_
#define AMP_IVSHMEM_H_

#include <stddef.h>
#include <stdint.h>

struct k_poll_signal;

/* Numbers as in src/ivshmem.rs, `Status`. */
enum amp_ivshmem_status {
	AMP_IVSHMEM_OK = 0,
	AMP_IVSHMEM_NOT_STARTED = 1,
	AMP_IVSHMEM_NO_DOORBELL = 2,
	AMP_IVSHMEM_NO_SUCH_VECTOR = 3,
	AMP_IVSHMEM_NO_SUCH_PEER = 4,
	AMP_IVSHMEM_BAD_REGISTERS = 5,
	AMP_IVSHMEM_BAD_MEMORY = 6,
	AMP_IVSHMEM_NO_SERVER = 7,
};

/* src/ivshmem.rs reads it here, and does not compile where it is another. */
#define AMP_IVSHMEM_WORDS 8

/* Room for a device. All zero until it starts; ringing, registering and asking who is registered are under one lock. */
struct amp_ivshmem {
	uintptr_t opaque[AMP_IVSHMEM_WORDS];
};

struct amp_ivshmem_place {
	uintptr_t registers;             /* mapped; 0: none */
	uintptr_t memory;                /* mapped */
	size_t size;                     /* bytes of memory */
	struct k_poll_signal **handlers; /* `vectors` of them, all NULL; NULL: nothing is registered */
	uint16_t vectors;                /* 0: no doorbell */
};

enum amp_ivshmem_status amp_ivshmem_start(struct amp_ivshmem *state, const struct amp_ivshmem_place *place);
size_t amp_ivshmem_memory(const struct amp_ivshmem *state, uintptr_t *address);
uint32_t amp_ivshmem_id(const struct amp_ivshmem *state);
uint16_t amp_ivshmem_vectors(const struct amp_ivshmem *state);
enum amp_ivshmem_status amp_ivshmem_ring(const struct amp_ivshmem *state, uint32_t peer, uint16_t vector);
enum amp_ivshmem_status amp_ivshmem_register(const struct amp_ivshmem *state, struct k_poll_signal *signal,
					     uint16_t vector);
struct k_poll_signal *amp_ivshmem_interrupted(const struct amp_ivshmem *state, uint16_t vector);

#endif /* AMP_IVSHMEM_H_ */
