# SPDX-License-Identifier: Apache-2.0
# Builds a second image if -DPEER_BOARD=... names a different board. Two boards of the same type run the same image.
amp_ivshmem_add_peer(OTHER_BOARD_ONLY)
