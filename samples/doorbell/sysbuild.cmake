# SPDX-License-Identifier: Apache-2.0
# With --sysbuild and -DPEER_BOARD=..., an image for that board is built as well. Two equal boards run the same image.
amp_ivshmem_add_peer(OTHER_BOARD_ONLY)
