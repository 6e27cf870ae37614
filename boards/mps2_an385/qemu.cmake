# SPDX-License-Identifier: Apache-2.0
# QEMU's machine `mps2-an385`: no PCI; the preload object wires QEMU's `ivshmem-flat` at the addresses of board.overlay.
set(AMP_QEMU_DEVICES flat)
