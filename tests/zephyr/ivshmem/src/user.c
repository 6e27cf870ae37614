/* SPDX-License-Identifier: Apache-2.0 */
/* Tests the API from user threads: the system calls, and access to the shared memory. */
#include <zephyr/drivers/virtualization/ivshmem.h>
#include <zephyr/kernel.h>
#include <zephyr/ztest.h>
#include <zephyr/ztest_error_hook.h>

static const struct device *const dev = DEVICE_DT_GET(DT_NODELABEL(ivshmem0));
static struct k_poll_signal signal;

#if DT_NODE_HAS_COMPAT(DT_NODELABEL(ivshmem0), qemu_ivshmem_flat)
/* Without an MMU, a user thread can access the shared memory only if the thread's memory domain
 * contains a partition for this memory. The PCI driver maps the memory for user threads.
 */
static struct k_mem_partition memory = {
	.start = DT_REG_ADDR_BY_IDX(DT_NODELABEL(ivshmem0), 1),
	.size = DT_REG_SIZE_BY_IDX(DT_NODELABEL(ivshmem0), 1),
	.attr = K_MEM_PARTITION_P_RW_U_RW,
};
#endif

static void *setup(void)
{
#if DT_NODE_HAS_COMPAT(DT_NODELABEL(ivshmem0), qemu_ivshmem_flat)
	zassert_ok(k_mem_domain_add_partition(&k_mem_domain_default, &memory));
#endif
	k_poll_signal_init(&signal);
	k_thread_access_grant(k_current_get(), dev, &signal);
	return NULL;
}

ZTEST_USER(user, test_a_user_thread_has_the_device)
{
	uintptr_t address = 0;
	unsigned int set = 0;
	int vector;

	zassert_true(k_is_user_context());
	zassert_equal(ivshmem_get_mem(dev, &address), MB(1));
	*(volatile uint32_t *)address = 0x600dcafe;
	zassert_equal(*(volatile uint32_t *)address, 0x600dcafe);
	zassert_equal(ivshmem_get_vectors(dev), 1);
	zassert_ok(ivshmem_register_handler(dev, &signal, 0));
	/* Ring repeatedly. QEMU loses doorbells to its own machine until the server has sent the
	 * eventfd for these doorbells.
	 */
	for (int i = 0; i < 500 && set == 0; i++) {
		zassert_ok(ivshmem_int_peer(dev, ivshmem_get_id(dev), 0));
		k_msleep(10);
		k_poll_signal_check(&signal, &set, &vector);
	}
	zassert_true(set);
	zassert_equal(ivshmem_int_peer(dev, UINT32_MAX, 0), -EINVAL);
}

ZTEST_USER(user, test_an_address_that_is_not_the_thread_s_is_refused)
{
	ztest_set_fault_valid(true);
	(void)ivshmem_get_mem(dev, (uintptr_t *)&signal);
	ztest_test_fail();
}

ZTEST_SUITE(user, NULL, setup, NULL, NULL, NULL);
