/* SPDX-License-Identifier: Apache-2.0 */
/* Instances of the flat device. Their addresses and interrupt come from devicetree. */
#define DT_DRV_COMPAT qemu_ivshmem_flat

#include <errno.h>

#include <zephyr/irq.h>
#include <zephyr/kernel.h>
#include <zephyr/logging/log.h>
#include <zephyr/sys/device_mmio.h>

#include "amp_ivshmem_driver.h"

LOG_MODULE_DECLARE(amp_ivshmem, CONFIG_AMP_IVSHMEM_LOG_LEVEL);

/* Interval and maximum number of attempts when the machine rings its own doorbell. The attempts go
 * on for 3 seconds, because a busy host may delay QEMU.
 */
#define OWN_DOORBELL       K_MSEC(20)
#define OWN_DOORBELL_TIMES 150

BUILD_ASSERT(!IS_ENABLED(CONFIG_QEMU_ICOUNT) || IS_ENABLED(CONFIG_QEMU_ICOUNT_SLEEP),
	     "time must not jump while this machine waits for others: set CONFIG_QEMU_ICOUNT=n");

BUILD_ASSERT(!IS_ENABLED(CONFIG_TRAP_UNALIGNED_ACCESS),
	     "Rust makes unaligned accesses on this CPU: set CONFIG_TRAP_UNALIGNED_ACCESS=n");

/*
 * In the default Cortex-M memory map, 0x40000000 to 0x5fffffff and all addresses from 0xa0000000
 * are Device memory, where unaligned accesses fault. Rust does not emit unaligned accesses for
 * Armv6-M and Armv8-M Baseline.
 */
#define NORMAL_AT(address)                                                                         \
	((address) < 0x40000000U || ((address) >= 0x60000000U && (address) < 0xa0000000U))
#define MAY_BE_UNALIGNED(address, size)                                                            \
	(!IS_ENABLED(CONFIG_CPU_CORTEX_M) || IS_ENABLED(CONFIG_ARMV6_M_ARMV8_M_BASELINE) ||        \
	 (NORMAL_AT(address) && NORMAL_AT(-1 + (address) + (size))))

struct flat_config {
	uintptr_t registers;
	size_t registers_size;
	uintptr_t memory;
	size_t memory_size;
	void (*connect)(void);
	void (*disconnect)(void);
};

struct flat_data {
	struct amp_ivshmem_data common;
#ifdef CONFIG_AMP_IVSHMEM_SIGNALS
	/* A flat device has one vector. */
	struct k_poll_signal *handler;
#endif
	struct k_sem rung;
};

static void interrupt(const struct device *dev)
{
	struct flat_data *data = dev->data;

	k_sem_give(&data->rung);
	amp_ivshmem_driver_interrupt(dev, 0);
}

/* Maps `size` bytes at physical `address`, and returns their virtual address. Without an MMU, both
 * addresses are the same.
 */
static uintptr_t map(uintptr_t address, size_t size, uint32_t flags)
{
#ifdef CONFIG_MMU
	mm_reg_t mapped;

	device_map(&mapped, address, size, flags);
	return mapped;
#else
	ARG_UNUSED(size);
	ARG_UNUSED(flags);
	return address;
#endif
}

/* Detects the device by ringing this machine's own doorbell. Reading the registers is not enough,
 * because reads may return 0 if the device is absent.
 */
static int prove(const struct device *dev)
{
	struct flat_data *data = dev->data;

	/* QEMU starts the machine before the server has sent QEMU this machine's doorbell. Until
	 * then, QEMU loses rings, so try several times.
	 */
	for (int i = 0; i < OWN_DOORBELL_TIMES; i++) {
		(void)ivshmem_int_peer(dev, ivshmem_get_id(dev), 0);
		/* Sleep here, because a busy loop keeps QEMU from delivering the doorbell. */
		if (k_sem_take(&data->rung, OWN_DOORBELL) == 0) {
			return 0;
		}
	}
	LOG_ERR("%s: its doorbell does not ring: this machine has no ivshmem-flat there, or "
		"another interrupt; start QEMU as "
		"`west build -t run` does",
		dev->name);
	return -EIO;
}

static int start(const struct device *dev)
{
	const struct flat_config *config = dev->config;
	struct flat_data *data = dev->data;
	struct amp_ivshmem_place place = {
		.registers = map(config->registers, config->registers_size, K_MEM_CACHE_NONE),
		/* Normal cacheable memory is coherent with the other machines, because they run on
		 * the same host.
		 */
		.memory = map(config->memory, config->memory_size, K_MEM_CACHE_WB | K_MEM_PERM_RW),
		.size = config->memory_size,
#ifdef CONFIG_AMP_IVSHMEM_SIGNALS
		.handlers = &data->handler,
#endif
		.vectors = 1,
	};
	int result;

	k_sem_init(&data->rung, 0, 1);
	result = amp_ivshmem_driver_start(dev, &place);
	if (result == 0) {
		config->connect();
		result = prove(dev);
		if (result < 0) {
			config->disconnect();
			amp_ivshmem_driver_stop(dev);
		}
	}
	return result;
}

#define AMP_IVSHMEM_FLAT(n)                                                                        \
	BUILD_ASSERT(DT_INST_NUM_IRQS(n) == 1, "an ivshmem-flat node has one interrupt");          \
	BUILD_ASSERT(DT_INST_IRQN(n) < CONFIG_NUM_IRQS,                                            \
		     "this chip has no interrupt of that number (CONFIG_NUM_IRQS)");               \
	BUILD_ASSERT(DT_NUM_REGS(DT_DRV_INST(n)) == 2,                                             \
		     "an ivshmem-flat node's reg has two parts: registers and memory");            \
	BUILD_ASSERT(DT_INST_REG_SIZE_BY_IDX(n, 0) == 0x10,                                        \
		     "ivshmem-flat has 16 bytes of registers");                                    \
	BUILD_ASSERT(IS_POWER_OF_TWO(DT_INST_REG_SIZE_BY_IDX(n, 1)) &&                             \
			     DT_INST_REG_SIZE_BY_IDX(n, 1) >= 4096,                                \
		     "the shared memory's size is a power of two of at least 4096");               \
	BUILD_ASSERT(                                                                              \
		MAY_BE_UNALIGNED(DT_INST_REG_ADDR_BY_IDX(n, 1), DT_INST_REG_SIZE_BY_IDX(n, 1)),    \
		"the shared memory is Device memory there: put it at 0x60000000 to 0x9fffffff");   \
	static void connect_##n(void)                                                              \
	{                                                                                          \
		IRQ_CONNECT(DT_INST_IRQN(n), DT_INST_IRQ(n, priority), interrupt,                  \
			    DEVICE_DT_INST_GET(n), 0);                                             \
		irq_enable(DT_INST_IRQN(n));                                                       \
	}                                                                                          \
	static void disconnect_##n(void)                                                           \
	{                                                                                          \
		irq_disable(DT_INST_IRQN(n));                                                      \
	}                                                                                          \
	static const struct flat_config config_##n = {                                             \
		.registers = DT_INST_REG_ADDR_BY_IDX(n, 0),                                        \
		.registers_size = DT_INST_REG_SIZE_BY_IDX(n, 0),                                   \
		.memory = DT_INST_REG_ADDR_BY_IDX(n, 1),                                           \
		.memory_size = DT_INST_REG_SIZE_BY_IDX(n, 1),                                      \
		.connect = connect_##n,                                                            \
		.disconnect = disconnect_##n,                                                      \
	};                                                                                         \
	static struct flat_data data_##n;                                                          \
	DEVICE_DT_INST_DEFINE(n, start, NULL, &data_##n, &config_##n, POST_KERNEL,                 \
			      CONFIG_AMP_IVSHMEM_INIT_PRIORITY, &amp_ivshmem_api);

DT_INST_FOREACH_STATUS_OKAY(AMP_IVSHMEM_FLAT)
