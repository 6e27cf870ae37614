# SPDX-License-Identifier: Apache-2.0
# The side in Rust beside the C side's image, on the same board or on -DPEER_BOARD=...
if(NOT PEER_BOARD)
  set(PEER_BOARD ${BOARD})
endif()
ExternalZephyrProject_Add(APPLICATION peer SOURCE_DIR ${APP_DIR}/peer BOARD ${PEER_BOARD})
