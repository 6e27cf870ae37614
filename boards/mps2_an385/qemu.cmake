# SPDX-License-Identifier: Apache-2.0
# QEMU's machine `mps2-an385` has no PCI. The preload object wires QEMU's `ivshmem-flat` at the addresses in board.overlay.
set(AMP_QEMU_DEVICES flat)
