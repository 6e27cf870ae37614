/* SPDX-License-Identifier: Apache-2.0 */
/* Tests two devices in one machine. Each device has its own peer id, and rings the other device. */
#include <zephyr/drivers/virtualization/ivshmem.h>
#include <zephyr/kernel.h>
#include <zephyr/ztest.h>

static const struct device *const devices[] = {
	DEVICE_DT_GET(DT_NODELABEL(ivshmem0)),
	DEVICE_DT_GET(DT_NODELABEL(ivshmem1)),
};

ZTEST(two, test_both_are_there_and_share_the_memory)
{
	uintptr_t memory[2];

	for (int i = 0; i < 2; i++) {
		zassert_true(device_is_ready(devices[i]));
		zassert_not_equal(ivshmem_get_mem(devices[i], &memory[i]), 0);
	}
	zassert_not_equal(ivshmem_get_id(devices[0]), ivshmem_get_id(devices[1]));
	zassert_not_equal(memory[0], memory[1]);
	*(volatile uint32_t *)memory[0] = 0x600dcafe;
	zassert_equal(*(volatile uint32_t *)memory[1], 0x600dcafe);
}

ZTEST(two, test_each_rings_the_other)
{
	struct k_poll_signal signals[2];
	struct k_poll_event events[2];

	for (int i = 0; i < 2; i++) {
		k_poll_signal_init(&signals[i]);
		k_poll_event_init(&events[i], K_POLL_TYPE_SIGNAL, K_POLL_MODE_NOTIFY_ONLY,
				  &signals[i]);
		zassert_ok(ivshmem_register_handler(devices[i], &signals[i], 0));
	}
	for (int i = 0; i < 2; i++) {
		zassert_ok(ivshmem_int_peer(devices[i], ivshmem_get_id(devices[!i]), 0));
		zassert_ok(k_poll(&events[!i], 1, K_SECONDS(5)));
		zassert_equal(signals[i].signaled, 0, "the one that rang must not hear itself");
		k_poll_signal_reset(&signals[!i]);
		events[!i].state = K_POLL_STATE_NOT_READY;
	}
	for (int i = 0; i < 2; i++) {
		zassert_ok(ivshmem_register_handler(devices[i], NULL, 0));
	}
}

ZTEST_SUITE(two, NULL, NULL, NULL, NULL, NULL);
