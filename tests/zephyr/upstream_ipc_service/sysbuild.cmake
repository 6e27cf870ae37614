# The remote's image beside the host's, on -DPEER_BOARD=... Not once more for the peer itself, which has this file too.
if(NOT TARGET peer)
  ExternalZephyrProject_Add(APPLICATION peer SOURCE_DIR ${APP_DIR} BOARD ${PEER_BOARD})
endif()
