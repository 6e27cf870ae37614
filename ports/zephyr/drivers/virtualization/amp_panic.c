/* SPDX-License-Identifier: Apache-2.0 */
/* Turns a Rust panic in the static library into a kernel panic. */
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

FUNC_NORETURN void amp_zephyr_panic(const char *file, size_t length, uint32_t line);

void amp_zephyr_panic(const char *file, size_t length, uint32_t line)
{
	printk("amp-ivshmem: Rust panicked at %.*s:%u: this is a defect, please report it\n",
	       (int)length, file, line);
	k_panic();
	CODE_UNREACHABLE;
}
