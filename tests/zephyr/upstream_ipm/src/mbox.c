/* SPDX-License-Identifier: Apache-2.0 */
/* Tests Zephyr's mbox_ivshmem: each channel is a peer. */
#include <zephyr/drivers/mbox.h>
#include <zephyr/drivers/virtualization/ivshmem.h>
#include <zephyr/kernel.h>
#include <zephyr/ztest.h>

static const struct device *const mbox = DEVICE_DT_GET(DT_NODELABEL(consumer));
static const struct device *const ivshmem = DEVICE_DT_GET(DT_NODELABEL(ivshmem0));
K_SEM_DEFINE(heard, 0, K_SEM_MAX_LIMIT);

static void on_ring(const struct device *dev, mbox_channel_id_t channel, void *user_data,
		    struct mbox_msg *message)
{
	ARG_UNUSED(channel);
	if (dev == mbox && user_data == &heard && message == NULL) {
		k_sem_give(&heard);
	}
}

ZTEST(upstream_mbox, test_rings)
{
	zassert_true(device_is_ready(mbox));
	zassert_ok(mbox_register_callback(mbox, 0, on_ring, &heard));
	zassert_ok(mbox_set_enabled(mbox, 0, true));
	/* Ring repeatedly. QEMU loses doorbells to its own machine until the server has sent the
	 * eventfd for these doorbells.
	 */
	for (int i = 0; i < 600; i++) {
		zassert_ok(mbox_send(mbox, ivshmem_get_id(ivshmem), NULL));
		if (k_sem_take(&heard, K_MSEC(100)) == 0) {
			break;
		}
	}
	while (k_sem_take(&heard, K_MSEC(300)) == 0) {
	}
	for (int i = 0; i < 20; i++) {
		zassert_ok(mbox_send(mbox, ivshmem_get_id(ivshmem), NULL));
		zassert_ok(k_sem_take(&heard, K_SECONDS(10)), "ring %d", i);
	}
	zassert_equal(mbox_send(mbox, 0x10000, NULL), -EINVAL, "no peer has this number");
	zassert_equal(k_sem_take(&heard, K_MSEC(300)), -EAGAIN);
}

ZTEST_SUITE(upstream_mbox, NULL, NULL, NULL, NULL, NULL);
