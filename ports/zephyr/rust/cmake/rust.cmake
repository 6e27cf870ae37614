# SPDX-License-Identifier: Apache-2.0
# What applications in Rust need of this module: the CPU's Rust target, and the C that their crate calls.
if(NOT CONFIG_RUST)
  return()
endif()

# Once all modules are processed. By EVAL, because a deferred call's variables have the values of then.
cmake_language(EVAL CODE "cmake_language(DEFER DIRECTORY [[${ZEPHYR_BASE}]] CALL include [[${CMAKE_CURRENT_LIST_DIR}/arm64.cmake]])")

if(CONFIG_AMP_IVSHMEM)
  add_subdirectory(ports/zephyr/rust)
endif()

# Objects of Rust's own compiler run-time do not say that they need no executable stack; nothing here has one. Twister
# takes the linker's warning for an error.
zephyr_ld_options(-Wl,--no-warn-execstack)
