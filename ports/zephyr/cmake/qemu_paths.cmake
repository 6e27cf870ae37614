# SPDX-License-Identifier: Apache-2.0
# Checks the paths that go into QEMU's command line. Some programs that read this command line split
# paths at certain characters, and do not support escapes.

# Sets `out` to a socket's path as a value in a QEMU option, where a comma is written twice.
function(amp_socket_option out path)
  string(LENGTH "${path}" length)
  if(length EQUAL 0 OR length GREATER 107)
    message(FATAL_ERROR "amp-ivshmem: CONFIG_AMP_IVSHMEM_QEMU_SOCKET has ${length} bytes, and a socket's path has 1 to 107: "
      "choose another path than '${path}'")
  endif()
  # The flags are a CMake list, which is split at semicolons.
  if(path MATCHES ";")
    message(FATAL_ERROR "amp-ivshmem: CONFIG_AMP_IVSHMEM_QEMU_SOCKET '${path}' contains a semicolon, "
      "and CMake would split it: choose a path without one")
  endif()
  string(REPLACE "," ",," path "${path}")
  set(${out} "${path}" PARENT_SCOPE)
endfunction()

# Fails the build if the dynamic loader would split the path of the preload object. LD_PRELOAD has no escape.
function(amp_check_preload library)
  if(library MATCHES "[ :;]")
    message(FATAL_ERROR "amp-ivshmem: the preload object's path '${library}' contains a space, a colon or a semicolon, "
      "and the dynamic loader would split it: set CARGO_TARGET_DIR to a folder without them")
  endif()
endfunction()
