/* SPDX-License-Identifier: Apache-2.0 */
/* Tests Zephyr's ipm_ivshmem: the id selects the peer, and the callback receives no data. */
#include <zephyr/drivers/ipm.h>
#include <zephyr/drivers/virtualization/ivshmem.h>
#include <zephyr/kernel.h>
#include <zephyr/ztest.h>

static const struct device *const ipm = DEVICE_DT_GET(DT_NODELABEL(consumer));
static const struct device *const ivshmem = DEVICE_DT_GET(DT_NODELABEL(ivshmem0));
K_SEM_DEFINE(heard, 0, K_SEM_MAX_LIMIT);

static void on_message(const struct device *dev, void *user_data, uint32_t id, volatile void *data)
{
	ARG_UNUSED(id);
	if (dev == ipm && user_data == &heard && data == NULL) {
		k_sem_give(&heard);
	}
}

ZTEST(upstream_ipm, test_rings)
{
	zassert_true(device_is_ready(ipm));
	ipm_register_callback(ipm, on_message, &heard);
	zassert_ok(ipm_set_enabled(ipm, 1));
	/* Ring repeatedly. QEMU loses doorbells to its own machine until the server has sent the
	 * eventfd for these doorbells.
	 */
	for (int i = 0; i < 600; i++) {
		zassert_ok(ipm_send(ipm, 0, ivshmem_get_id(ivshmem), NULL, 0));
		if (k_sem_take(&heard, K_MSEC(100)) == 0) {
			break;
		}
	}
	while (k_sem_take(&heard, K_MSEC(300)) == 0) {
	}
	for (int i = 0; i < 20; i++) {
		zassert_ok(ipm_send(ipm, 0, ivshmem_get_id(ivshmem), NULL, 0));
		zassert_ok(k_sem_take(&heard, K_SECONDS(10)), "ring %d", i);
	}
	zassert_equal(ipm_send(ipm, 0, 0x10000, NULL, 0), -EINVAL, "no peer has this number");
	zassert_equal(k_sem_take(&heard, K_MSEC(300)), -EAGAIN);
}

ZTEST_SUITE(upstream_ipm, NULL, NULL, NULL, NULL, NULL);
