# SPDX-License-Identifier: Apache-2.0
# Builds a second image for -DPEER_BOARD=... if it is another board. Two equal boards run the same image.
amp_ivshmem_add_peer(OTHER_BOARD_ONLY)
