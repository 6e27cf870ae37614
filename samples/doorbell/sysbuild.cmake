# SPDX-License-Identifier: Apache-2.0
# With --sysbuild and -DPEER_BOARD, also build an image for that board. Two boards of the same type run the same image.
amp_ivshmem_add_peer(OTHER_BOARD_ONLY)
