/* SPDX-License-Identifier: Apache-2.0 */
/* Message content. tests/workload/src/content.rs computes the same content, so that both sides
 * know every byte.
 */
#ifndef CONTENT_H_
#define CONTENT_H_

#include <stddef.h>
#include <stdint.h>

#define MAX_MESSAGE 496

struct content {
	uint32_t state;
};

static inline uint32_t content_next(struct content *content)
{
	content->state ^= content->state << 13;
	content->state ^= content->state >> 17;
	content->state ^= content->state << 5;
	return content->state;
}

/* Returns the content of message `number` in one direction of one stream. */
static inline struct content content_of(uint32_t index, uint32_t number)
{
	struct content content = {((number ^ 0x9e3779b9U) * (2 * index + 0x85ebca6bU)) | 1};

	for (int i = 0; i < 4; i++) {
		content_next(&content);
	}
	return content;
}

static inline size_t content_length(const struct content *content)
{
	return content->state % (MAX_MESSAGE + 1);
}

/* Returns byte `at`. The caller must request the bytes in ascending order. */
static inline uint8_t content_byte(struct content *content, size_t at)
{
	uint32_t word = at % 4 == 0 ? content_next(content) : content->state;

	return word >> (at % 4 * 8);
}

#endif /* CONTENT_H_ */
