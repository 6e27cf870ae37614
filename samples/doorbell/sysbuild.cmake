# SPDX-License-Identifier: Apache-2.0
# With --sysbuild and -DPEER_BOARD=...: the image for the other board beside this one's; two equal boards need one image
# only. Not once more for the peer itself, which has this file too.
if(PEER_BOARD AND NOT TARGET peer)
  ExternalZephyrProject_Add(APPLICATION peer SOURCE_DIR ${APP_DIR} BOARD ${PEER_BOARD})
endif()
