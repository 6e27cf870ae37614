/* SPDX-License-Identifier: Apache-2.0 */
/* The memory functions that the Rust compiler emits calls to on Arm. They call the C library's
 * functions, because Rust's implementations take 1.2 KiB of flash.
 */
/* Source: Run-time ABI for the Arm Architecture (IHI 0043), section 5.3.4. The symbols are weak, so
 * that a C library with these functions overrides them.
 */
#include <stddef.h>
#include <string.h>

#include <zephyr/toolchain.h>

#define SAME_AS(name) __attribute__((weak, alias(#name)))

void __aeabi_memcpy(void *to, const void *from, size_t length);
void __aeabi_memcpy4(void *to, const void *from, size_t length) SAME_AS(__aeabi_memcpy);
void __aeabi_memcpy8(void *to, const void *from, size_t length) SAME_AS(__aeabi_memcpy);
void __aeabi_memmove(void *to, const void *from, size_t length);
void __aeabi_memmove4(void *to, const void *from, size_t length) SAME_AS(__aeabi_memmove);
void __aeabi_memmove8(void *to, const void *from, size_t length) SAME_AS(__aeabi_memmove);
void __aeabi_memset(void *to, size_t length, int value);
void __aeabi_memset4(void *to, size_t length, int value) SAME_AS(__aeabi_memset);
void __aeabi_memset8(void *to, size_t length, int value) SAME_AS(__aeabi_memset);
void __aeabi_memclr(void *to, size_t length);
void __aeabi_memclr4(void *to, size_t length) SAME_AS(__aeabi_memclr);
void __aeabi_memclr8(void *to, size_t length) SAME_AS(__aeabi_memclr);

__weak void __aeabi_memcpy(void *to, const void *from, size_t length)
{
	(void)memcpy(to, from, length);
}

__weak void __aeabi_memmove(void *to, const void *from, size_t length)
{
	(void)memmove(to, from, length);
}

__weak void __aeabi_memset(void *to, size_t length, int value)
{
	(void)memset(to, value, length);
}

__weak void __aeabi_memclr(void *to, size_t length)
{
	(void)memset(to, 0, length);
}
