# SPDX-License-Identifier: Apache-2.0
# With --sysbuild, also build the host, for the same board or for the board given by -DPEER_BOARD.
amp_ivshmem_add_peer(OVERLAY host.overlay)
