/* SPDX-License-Identifier: Apache-2.0 */
/* Instances of the PCI device. Zephyr's PCIe functions find, map and connect it. */
#define DT_DRV_COMPAT qemu_ivshmem

#include <errno.h>

#include <zephyr/drivers/pcie/msi.h>
#include <zephyr/drivers/pcie/pcie.h>
#include <zephyr/kernel.h>
#include <zephyr/kernel/mm.h>
#include <zephyr/logging/log.h>

#include "amp_ivshmem_driver.h"

LOG_MODULE_DECLARE(amp_ivshmem, CONFIG_AMP_IVSHMEM_LOG_LEVEL);

#define BAR_REGISTERS 0
#define BAR_MSIX      1
#define BAR_MEMORY    2

#if defined(CONFIG_PCIE_MSI_X) && defined(CONFIG_PCIE_MSI_MULTI_VECTOR)
#define VECTORS CONFIG_AMP_IVSHMEM_VECTORS
#else
#define VECTORS 0
#endif

#if VECTORS > 0
struct vector {
	const struct device *dev;
	uint16_t number;
};
#endif

struct pci_data {
	struct amp_ivshmem_data common;
	struct pcie_dev *pcie;
#if VECTORS > 0
	msi_vector_t msi[VECTORS];
	struct vector vectors[VECTORS];
#ifdef CONFIG_AMP_IVSHMEM_SIGNALS
	struct k_poll_signal *handlers[VECTORS];
#endif
#endif
};

#if VECTORS > 0
static void interrupt(const void *parameter)
{
	const struct vector *vector = parameter;

	amp_ivshmem_driver_interrupt(vector->dev, vector->number);
}

/* Returns whether MSI-X can be used. Zephyr's functions do not check that the ITS is ready. */
static bool controller_is_ready(void)
{
#if defined(CONFIG_GIC_V3_ITS) && DT_HAS_COMPAT_STATUS_OKAY(arm_gic_v3_its)
	return device_is_ready(DEVICE_DT_GET_ONE(arm_gic_v3_its));
#else
	return true;
#endif
}

/* Connects all available vectors. Returns the number of vectors, or -errno. The device does not
 * send interrupts yet.
 */
static int connect(const struct device *dev)
{
	struct pci_data *data = dev->data;
	int count = 0;

	if (controller_is_ready()) {
		count = pcie_msi_vectors_allocate(data->pcie->bdf, CONFIG_AMP_IVSHMEM_INT_PRIORITY,
						  data->msi, VECTORS);
	}
	if (count == 0) {
		LOG_ERR("%s: no MSI-X vector is available: the interrupt controller needs MSI (on "
			"Arm CONFIG_GIC_V3_ITS=y) and memory for it (CONFIG_HEAP_MEM_POOL_SIZE)",
			dev->name);
		return -EIO;
	}
	for (int i = 0; i < count; i++) {
		data->vectors[i] = (struct vector){.dev = dev, .number = i};
		if (!pcie_msi_vector_connect(data->pcie->bdf, &data->msi[i], interrupt,
					     &data->vectors[i], 0)) {
			LOG_ERR("%s: MSI-X vector %d cannot be connected", dev->name, i);
			return -EIO;
		}
	}
	return count;
}
#endif

/* Returns whether a bridge passes accesses to the memory from `first` to `last`. */
static bool passes(pcie_bdf_t bridge, uint64_t first, uint64_t last)
{
	uint32_t memory = pcie_conf_read(bridge, PCIE_MEM_BASE_LIMIT);
	uint32_t more = pcie_conf_read(bridge, PCIE_PREFETCH_BASE_LIMIT);
	uint64_t from = (uint64_t)(PCIE_MEM_BASE(memory) & 0xfff0U) << 16;
	uint64_t to = (uint64_t)(PCIE_MEM_LIMIT(memory) & 0xfff0U) << 16 | 0xfffffU;

	if (from <= first && last <= to) {
		return true;
	}
	from = (uint64_t)pcie_conf_read(bridge, PCIE_PREFETCH_BASE_UPPER) << 32 |
	       (uint64_t)(PCIE_PREFETCH_BASE(more) & 0xfff0U) << 16;
	to = (uint64_t)pcie_conf_read(bridge, PCIE_PREFETCH_LIMIT_UPPER) << 32 |
	     (uint64_t)(PCIE_PREFETCH_LIMIT(more) & 0xfff0U) << 16 | 0xfffffU;
	return from <= first && last <= to;
}

/* Returns whether every bridge above the device passes accesses to a BAR. Logs an error if
 * not. Zephyr leaves bridges closed at least for 64-bit BARs. A blocked read returns all ones.
 */
static bool is_reachable(const struct device *dev, unsigned int index)
{
	const struct pci_data *data = dev->data;
	unsigned int bus = PCIE_BDF_TO_BUS(data->pcie->bdf);
	struct pcie_bar bar;

	if (bus == 0 || !pcie_get_mbar(data->pcie->bdf, index, &bar)) {
		return true;
	}
	for (unsigned int bdf = 0; bdf < bus << 8; bdf++) {
		pcie_bdf_t bridge = PCIE_BDF(bdf >> 8, (bdf >> 3) & 0x1f, bdf & 7);
		uint32_t below;

		if (pcie_conf_read(bridge, PCIE_CONF_ID) == PCIE_ID_NONE ||
		    PCIE_CONF_TYPE_GET(pcie_conf_read(bridge, PCIE_CONF_TYPE)) !=
			    PCIE_CONF_TYPE_PCI_BRIDGE) {
			continue;
		}
		below = pcie_conf_read(bridge, PCIE_BUS_NUMBER);
		if (PCIE_BUS_SECONDARY_NUMBER(below) <= bus &&
		    bus <= PCIE_BUS_SUBORDINATE_NUMBER(below) &&
		    !passes(bridge, bar.phys_addr, bar.phys_addr + bar.size - 1)) {
			LOG_ERR("%s: behind a PCI bridge that does not pass BAR%u: give QEMU's "
				"-device no bus=, or the root bus",
				dev->name, index);
			return false;
		}
	}
	return true;
}

static int start_device(const struct device *dev)
{
	struct pci_data *data = dev->data;
	struct amp_ivshmem_place place = {0};
	struct pcie_bar bar;
	mm_reg_t registers;
	uint8_t *memory;
	int result;

	if (data->pcie->bdf == PCIE_BDF_NONE) {
		LOG_ERR("%s: no ivshmem device on PCI: start QEMU with -device ivshmem-doorbell",
			dev->name);
		return -ENOTSUP;
	}
	if (!is_reachable(dev, BAR_REGISTERS) || !is_reachable(dev, BAR_MEMORY)) {
		return -EIO;
	}
	if (pcie_get_mbar(data->pcie->bdf, BAR_REGISTERS, &bar)) {
		pcie_set_cmd(data->pcie->bdf, PCIE_CONF_CMDSTAT_MEM | PCIE_CONF_CMDSTAT_MASTER,
			     true);
		device_map(&registers, bar.phys_addr, bar.size, K_MEM_CACHE_NONE);
		place.registers = registers;
	}
#if VECTORS > 0
	/* Only ivshmem-doorbell has BAR1. */
	if (place.registers != 0 && pcie_get_mbar(data->pcie->bdf, BAR_MSIX, &bar)) {
		result = connect(dev);
		if (result < 0) {
			return result;
		}
		place.vectors = result;
#ifdef CONFIG_AMP_IVSHMEM_SIGNALS
		place.handlers = data->handlers;
#endif
	}
#endif
	if (!pcie_get_mbar(data->pcie->bdf, BAR_MEMORY, &bar)) {
		LOG_ERR("%s: BAR2 is absent: this is no ivshmem device of revision 1", dev->name);
		return -EIO;
	}
	/* Write-back, because memory is coherent within one host. User threads may access it, as
	 * with Zephyr's own driver.
	 */
	k_mem_map_phys_bare(&memory, bar.phys_addr, bar.size,
			    K_MEM_CACHE_WB | K_MEM_PERM_RW | K_MEM_PERM_USER);
	place.memory = (uintptr_t)memory;
	place.size = bar.size;

	result = amp_ivshmem_driver_start(dev, &place);
	if (result < 0) {
		return result;
	}
#if VECTORS > 0
	/* Doorbells can arrive from here on. Earlier doorbells are lost. This is harmless, because
	 * every user checks the shared memory when it starts.
	 */
	if (place.vectors > 0 && !pcie_msi_enable(data->pcie->bdf, data->msi, place.vectors, 0)) {
		LOG_ERR("%s: MSI-X cannot be enabled", dev->name);
		amp_ivshmem_driver_stop(dev);
		return -EIO;
	}
#endif
	if (place.vectors == 0) {
		LOG_WRN("%s: no doorbell: an ivshmem-plain device, vectors=0, or CONFIG_PCIE_MSI_X "
			"and "
			"CONFIG_PCIE_MSI_MULTI_VECTOR not set",
			dev->name);
	}
	return 0;
}

/* AMP_IVSHMEM_IF_PCI skips flat nodes, which have this compatible as their second one. */
#define AMP_IVSHMEM_PCI(n)                                                                         \
	BUILD_ASSERT(!DT_INST_PROP(n, ivshmem_v2),                                                 \
		     "ivshmem 2 is CONFIG_IVSHMEM_V2's; this driver knows revision 1 only");       \
	DEVICE_PCIE_INST_DECLARE(n);                                                               \
	static struct pci_data data_##n = {DEVICE_PCIE_INST_INIT(n, pcie)};                        \
	DEVICE_DT_INST_DEFINE(n, start_device, NULL, &data_##n, NULL, POST_KERNEL,                 \
			      CONFIG_AMP_IVSHMEM_INIT_PRIORITY, &amp_ivshmem_api);

#define AMP_IVSHMEM_IF_PCI(n)                                                                      \
	COND_CODE_1(DT_INST_NODE_HAS_PROP(n, vendor_id), (AMP_IVSHMEM_PCI(n)), ())

DT_INST_FOREACH_STATUS_OKAY(AMP_IVSHMEM_IF_PCI)
