# The remote's image beside the host's, on the same board or on -DPEER_BOARD=... Not once more for the peer itself, which
# has this file too.
if(NOT TARGET peer)
  if(NOT PEER_BOARD)
    set(PEER_BOARD ${BOARD})
  endif()
  ExternalZephyrProject_Add(APPLICATION peer SOURCE_DIR ${APP_DIR} BOARD ${PEER_BOARD})
endif()
