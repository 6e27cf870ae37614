# SPDX-License-Identifier: Apache-2.0
# QEMU's machine `virt` with a GICv3: QEMU's own PCI device `ivshmem-doorbell`.
set(AMP_QEMU_DEVICES pci)

# Zephyr's board starts the machine with secure=on, which keeps interrupts of PCI devices from arriving. MSI-X needs the ITS.
set(AMP_QEMU_FLAGS -machine secure=off,its=on)
