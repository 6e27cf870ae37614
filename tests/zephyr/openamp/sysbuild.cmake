# SPDX-License-Identifier: Apache-2.0
# The side in Rust as a second image, on -DPEER_BOARD=...; without it a Linux process is the other side.
amp_ivshmem_add_peer(OTHER_BOARD_ONLY SOURCE_DIR ${APP_DIR}/peer)
