# SPDX-License-Identifier: Apache-2.0
# An image for -DPEER_BOARD=..., too. Two equal boards run the same image.
amp_ivshmem_add_peer(OTHER_BOARD_ONLY)
