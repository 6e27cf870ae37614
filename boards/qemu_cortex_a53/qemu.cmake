# SPDX-License-Identifier: Apache-2.0
# QEMU's machine `virt` with a GICv3 supports QEMU's PCI device `ivshmem-doorbell`.
set(AMP_QEMU_DEVICES pci)

# Zephyr's board starts the machine with secure=on, which blocks interrupts from PCI devices. MSI-X needs the ITS.
set(AMP_QEMU_FLAGS -machine secure=off,its=on)
