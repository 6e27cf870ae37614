# SPDX-License-Identifier: Apache-2.0
# Builds the host tool while Twister configures an image. Otherwise a test would have to build it within its time limit.
function(amp_build_tool)
  set(tool $ENV{AMP})
  if(NOT tool)
    set(tool ${ZEPHYR_CURRENT_MODULE_DIR}/amp)
  endif()
  # Twister configures several images in parallel, so the build takes a lock.
  file(LOCK ${ZEPHYR_CURRENT_MODULE_DIR}/target/tool.lock GUARD FUNCTION TIMEOUT 1800)
  # CMake has set CC and CXX to the target's compilers, which cannot build a host tool.
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env --unset=CC --unset=CXX ${tool} server --help
    OUTPUT_QUIET
    ERROR_VARIABLE errors
    RESULT_VARIABLE result
  )
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "amp-ivshmem: the host tool ${tool}, which the tests start, does not run:\n${errors}")
  endif()
endfunction()

amp_build_tool()
