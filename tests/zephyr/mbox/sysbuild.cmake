# The peer's image, where it is another board's: -DPEER_BOARD=... Not once more for the peer itself, which has this file
# too.
if(PEER_BOARD AND NOT TARGET peer)
  ExternalZephyrProject_Add(APPLICATION peer SOURCE_DIR ${APP_DIR} BOARD ${PEER_BOARD})
endif()
