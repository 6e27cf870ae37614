/* SPDX-License-Identifier: Apache-2.0 */
/* Allocates the whole heap before the devices are initialized, so that the interrupt controller
 * cannot allocate a device's table.
 */
#include <zephyr/init.h>
#include <zephyr/kernel.h>

static int eat(void)
{
	for (size_t size = CONFIG_HEAP_MEM_POOL_SIZE; size >= 16; size /= 2) {
		while (k_malloc(size) != NULL) {
		}
	}
	return 0;
}

SYS_INIT(eat, POST_KERNEL, 0);
