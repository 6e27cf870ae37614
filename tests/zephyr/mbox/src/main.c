/* SPDX-License-Identifier: Apache-2.0 */
/* Tests Zephyr's MBOX API with two machines that have the same devicetree. Peer 0 runs the
 * tests, and peer 1 answers each doorbell.
 */
#include <errno.h>

#include <zephyr/drivers/mbox.h>
#include <zephyr/drivers/virtualization/ivshmem.h>
#include <zephyr/kernel.h>
#include <zephyr/ztest.h>

#define SOON  K_SECONDS(10)
#define WHILE K_MSEC(300)

static const struct device *const ivshmem = DEVICE_DT_GET(DT_NODELABEL(ivshmem0));
static const struct device *const absent = DEVICE_DT_GET(DT_NODELABEL(absent));
static const struct mbox_dt_spec mbox = MBOX_DT_SPEC_GET(DT_PATH(consumer), both);
static bool in_isr;
static int as_expected;
K_SEM_DEFINE(rung, 0, K_SEM_MAX_LIMIT);

static void on_ring(const struct device *dev, mbox_channel_id_t channel, void *user_data,
		    struct mbox_msg *message)
{
	in_isr = k_is_in_isr();
	as_expected = dev == mbox.dev && channel == 0 && user_data == &rung && message == NULL;
	k_sem_give(&rung);
}

/* Rings until the peer answers, because QEMU loses doorbells to a peer that it does not know
 * yet.
 */
static void *setup(void)
{
	zassert_true(mbox_is_ready_dt(&mbox));
	zassert_ok(mbox_register_callback_dt(&mbox, on_ring, &rung));
	zassert_ok(mbox_set_enabled_dt(&mbox, true));
	for (int i = 0; i < 600; i++) {
		zassert_ok(mbox_send_dt(&mbox, NULL));
		if (k_sem_take(&rung, K_MSEC(100)) == 0) {
			break;
		}
	}
	/* Discard late answers. */
	while (k_sem_take(&rung, WHILE) == 0) {
	}
	return NULL;
}

/* Checks the class of the device's API, which Zephyr 4.5 asserts in every call. */
#ifdef DEVICE_API
ZTEST(mbox, test_the_device_is_of_its_class)
{
	zassert_true(DEVICE_API_IS(mbox, mbox.dev));
}
#endif

ZTEST(mbox, test_the_peer_hears_and_is_heard)
{
	for (int i = 0; i < 100; i++) {
		zassert_ok(mbox_send_dt(&mbox, NULL));
		zassert_ok(k_sem_take(&rung, SOON), "ring %d", i);
		zassert_true(in_isr && as_expected);
	}
}

ZTEST(mbox, test_signals_have_no_data)
{
	uint32_t data = 1;
	const struct mbox_msg message = {.data = &data, .size = sizeof(data)};

	zassert_equal(mbox_mtu_get_dt(&mbox), 0);
	zassert_equal(mbox_send_dt(&mbox, &message), -EMSGSIZE);
	zassert_equal(k_sem_take(&rung, WHILE), -EAGAIN);
}

ZTEST(mbox, test_channels_that_cannot_be)
{
	static const mbox_channel_id_t channels[] = {1,         2, 64, UINT16_MAX, UINT16_MAX + 1,
						     UINT32_MAX};

	zassert_equal(mbox_max_channels_get_dt(&mbox), 1);
	ARRAY_FOR_EACH(channels, i) {
		zassert_equal(mbox_send(mbox.dev, channels[i], NULL), -EINVAL);
		zassert_equal(mbox_register_callback(mbox.dev, channels[i], on_ring, NULL),
			      -EINVAL);
		zassert_equal(mbox_set_enabled(mbox.dev, channels[i], true), -EINVAL);
	}
	zassert_equal(k_sem_take(&rung, WHILE), -EAGAIN);
}

ZTEST(mbox, test_what_rings_while_disabled_is_heard_when_enabled)
{
	zassert_equal(mbox_set_enabled_dt(&mbox, true), -EALREADY);
	zassert_ok(mbox_set_enabled_dt(&mbox, false));
	zassert_equal(mbox_set_enabled_dt(&mbox, false), -EALREADY);
	zassert_ok(mbox_send_dt(&mbox, NULL));
	zassert_equal(k_sem_take(&rung, K_SECONDS(1)), -EAGAIN);
	zassert_ok(mbox_set_enabled_dt(&mbox, true));
	zassert_ok(k_sem_take(&rung, SOON));
	zassert_true(in_isr && as_expected);
	zassert_equal(k_sem_take(&rung, WHILE), -EAGAIN);
}

ZTEST(mbox, test_without_a_callback_nothing_happens)
{
	zassert_ok(mbox_register_callback_dt(&mbox, NULL, NULL));
	zassert_ok(mbox_send_dt(&mbox, NULL));
	zassert_equal(k_sem_take(&rung, WHILE), -EAGAIN);
	zassert_ok(mbox_register_callback_dt(&mbox, on_ring, &rung));
	zassert_ok(mbox_send_dt(&mbox, NULL));
	zassert_ok(k_sem_take(&rung, SOON));
}

ZTEST(mbox, test_a_peer_that_is_absent_is_not_noticed)
{
	zassert_true(device_is_ready(absent));
	zassert_ok(mbox_send(absent, 0, NULL));
	zassert_equal(k_sem_take(&rung, WHILE), -EAGAIN);
}

static void send_from_interrupt(struct k_timer *timer)
{
	*(int *)k_timer_user_data_get(timer) = mbox_send_dt(&mbox, NULL);
}

ZTEST(mbox, test_an_interrupt_handler_may_send)
{
	struct k_timer timer;
	int result = -1;

	k_timer_init(&timer, send_from_interrupt, NULL);
	k_timer_user_data_set(&timer, &result);
	k_timer_start(&timer, K_MSEC(1), K_NO_WAIT);
	zassert_ok(k_sem_take(&rung, SOON));
	zassert_ok(result);
}

ZTEST_SUITE(mbox, NULL, setup, NULL, NULL, NULL);

/* Answers each doorbell from the callback, forever. */
static void ring_back(const struct device *dev, mbox_channel_id_t channel, void *user_data,
		      struct mbox_msg *message)
{
	ARG_UNUSED(user_data);
	ARG_UNUSED(message);
	(void)mbox_send(dev, channel, NULL);
}

void test_main(void)
{
	if (ivshmem_get_id(ivshmem) == 0) {
		ztest_run_all(NULL, false, 1, 1);
		ztest_verify_all_test_suites_ran();
		return;
	}
	(void)mbox_register_callback_dt(&mbox, ring_back, NULL);
	printk("answering: %d\n", mbox_set_enabled_dt(&mbox, true));
	k_sleep(K_FOREVER);
}
