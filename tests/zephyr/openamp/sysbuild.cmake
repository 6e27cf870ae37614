# SPDX-License-Identifier: Apache-2.0
# Builds the Rust side as a second image for -DPEER_BOARD=... Without PEER_BOARD, the other side is a Linux process.
amp_ivshmem_add_peer(OTHER_BOARD_ONLY SOURCE_DIR ${APP_DIR}/peer)
