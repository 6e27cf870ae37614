# SPDX-License-Identifier: Apache-2.0
# With --sysbuild: the host beside the remote, on the same board. Not once more for the host itself, which has this file too.
if(NOT TARGET peer)
  ExternalZephyrProject_Add(APPLICATION peer SOURCE_DIR ${APP_DIR} BOARD ${BOARD})
  set_config_bool(peer CONFIG_SIZE_HOST y)
endif()
