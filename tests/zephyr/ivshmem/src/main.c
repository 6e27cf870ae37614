/* SPDX-License-Identifier: Apache-2.0 */
/* Tests Zephyr's ivshmem API with amp-ivshmem's driver. The machine rings its own doorbell. */
#include <errno.h>

#include <zephyr/drivers/virtualization/ivshmem.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/util.h>
#include <zephyr/ztest.h>

/* Time limit for a doorbell. It is long, because other tests run on the same computer. */
#define SOON  K_SECONDS(5)
/* Time during which a doorbell must not ring. */
#define WHILE K_MSEC(300)

static const struct device *const dev = DEVICE_DT_GET(DT_NODELABEL(ivshmem0));
static struct k_poll_signal signal;

/* Returns the vector signalled within `timeout`, or -EAGAIN. */
static int signalled(k_timeout_t timeout)
{
	struct k_poll_event event =
		K_POLL_EVENT_INITIALIZER(K_POLL_TYPE_SIGNAL, K_POLL_MODE_NOTIFY_ONLY, &signal);
	unsigned int set;
	int vector;
	int result = k_poll(&event, 1, timeout);

	if (result < 0) {
		return result;
	}
	k_poll_signal_check(&signal, &set, &vector);
	k_poll_signal_reset(&signal);
	return vector;
}

static void before(void *fixture)
{
	ARG_UNUSED(fixture);
	zassert_true(device_is_ready(dev));
	k_poll_signal_init(&signal);
	zassert_ok(ivshmem_register_handler(dev, &signal, 0));
}

static void after(void *fixture)
{
	ARG_UNUSED(fixture);
	(void)ivshmem_register_handler(dev, NULL, 0);
}

/* Checks the class of the device's API, which Zephyr 4.5 asserts in every call. */
#ifdef DEVICE_API
ZTEST(ivshmem, test_the_device_is_of_its_class)
{
	zassert_true(DEVICE_API_IS(ivshmem, dev));
}
#endif

ZTEST(ivshmem, test_memory)
{
	uintptr_t address = 0;
	size_t size = ivshmem_get_mem(dev, &address);
	volatile uint32_t *words = (volatile uint32_t *)address;
	size_t last = size / sizeof(*words) - 1;

	zassert_equal(size, MB(1));
	zassert_not_equal(address, 0);
	words[0] = 0x12345678;
	words[last] = 0x9abcdef0;
	zassert_equal(words[0], 0x12345678);
	zassert_equal(words[last], 0x9abcdef0);
}

ZTEST(ivshmem, test_id_and_vectors)
{
	zassert_true(ivshmem_get_id(dev) <= UINT16_MAX);
	zassert_equal(ivshmem_get_id(dev), ivshmem_get_id(dev));
	zassert_equal(ivshmem_get_vectors(dev), 1);
}

ZTEST(ivshmem, test_doorbell_to_self)
{
	for (int i = 0; i < 100; i++) {
		zassert_ok(ivshmem_int_peer(dev, ivshmem_get_id(dev), 0));
		zassert_equal(signalled(SOON), 0);
	}
	zassert_equal(signalled(WHILE), -EAGAIN);
}

ZTEST(ivshmem, test_doorbells_coalesce_and_are_not_lost)
{
	for (int i = 0; i < 1000; i++) {
		zassert_ok(ivshmem_int_peer(dev, ivshmem_get_id(dev), 0));
	}
	zassert_equal(signalled(SOON), 0);
	/* Doorbells that arrive separately cause further signals. */
	while (signalled(WHILE) == 0) {
	}
}

ZTEST(ivshmem, test_vectors_that_cannot_be)
{
	static const uint16_t vectors[] = {1, 2, 63, 64, 255, 256, 0x7fff, 0xffff};

	ARRAY_FOR_EACH(vectors, i) {
		zassert_equal(ivshmem_int_peer(dev, ivshmem_get_id(dev), vectors[i]), -EINVAL);
		zassert_equal(ivshmem_register_handler(dev, &signal, vectors[i]), -EINVAL);
	}
	zassert_equal(signalled(WHILE), -EAGAIN);
	zassert_ok(ivshmem_int_peer(dev, ivshmem_get_id(dev), 0), "the device must still ring");
	zassert_equal(signalled(SOON), 0);
}

ZTEST(ivshmem, test_peers_that_cannot_be)
{
	zassert_equal(ivshmem_int_peer(dev, 0x10000, 0), -EINVAL);
	zassert_equal(ivshmem_int_peer(dev, 0x10000 + ivshmem_get_id(dev), 0), -EINVAL);
	zassert_equal(ivshmem_int_peer(dev, UINT32_MAX, 0), -EINVAL);
	zassert_equal(signalled(WHILE), -EAGAIN);
}

ZTEST(ivshmem, test_a_peer_that_is_absent_is_not_noticed)
{
	zassert_ok(ivshmem_int_peer(dev, 0xffff, 0));
	zassert_ok(ivshmem_int_peer(dev, 4711, 0));
	zassert_equal(signalled(WHILE), -EAGAIN);
	zassert_ok(ivshmem_int_peer(dev, ivshmem_get_id(dev), 0));
	zassert_equal(signalled(SOON), 0);
}

ZTEST(ivshmem, test_a_handler_that_is_taken_back_is_not_signalled)
{
	zassert_ok(ivshmem_register_handler(dev, NULL, 0));
	zassert_ok(ivshmem_int_peer(dev, ivshmem_get_id(dev), 0));
	zassert_equal(signalled(WHILE), -EAGAIN);
	zassert_ok(ivshmem_register_handler(dev, &signal, 0));
	zassert_ok(ivshmem_int_peer(dev, ivshmem_get_id(dev), 0));
	zassert_equal(signalled(SOON), 0);
}

static void ring_from_interrupt(struct k_timer *timer)
{
	int *result = k_timer_user_data_get(timer);

	*result = ivshmem_int_peer(dev, ivshmem_get_id(dev), 0);
}

ZTEST(ivshmem, test_an_interrupt_handler_may_ring)
{
	struct k_timer timer;
	int result = -1;

	k_timer_init(&timer, ring_from_interrupt, NULL);
	k_timer_user_data_set(&timer, &result);
	k_timer_start(&timer, K_MSEC(1), K_NO_WAIT);
	zassert_equal(signalled(SOON), 0);
	zassert_ok(result);
}

ZTEST_SUITE(ivshmem, NULL, NULL, before, after, NULL);
