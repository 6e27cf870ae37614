# SPDX-License-Identifier: Apache-2.0
# The side in Rust beside the C side's image, on -DPEER_BOARD=...; without it a Linux process is the other side.
if(PEER_BOARD)
  ExternalZephyrProject_Add(APPLICATION peer SOURCE_DIR ${APP_DIR}/peer BOARD ${PEER_BOARD})
endif()
