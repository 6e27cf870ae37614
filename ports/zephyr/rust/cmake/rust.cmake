# SPDX-License-Identifier: Apache-2.0
# Provides what Rust applications need from this module: the CPU's Rust target, and the C functions that their crate calls.
if(NOT CONFIG_RUST)
  return()
endif()

# Runs once all modules are processed. EVAL is needed, because a deferred call evaluates its variables only then.
cmake_language(EVAL CODE "cmake_language(DEFER DIRECTORY [[${ZEPHYR_BASE}]] CALL include [[${CMAKE_CURRENT_LIST_DIR}/arm64.cmake]])")

if(CONFIG_AMP_IVSHMEM)
  add_subdirectory(ports/zephyr/rust)
endif()

# Objects from the Rust compiler's run-time do not state that they need no executable stack; no code here needs one.
# Twister treats the linker's warning as an error.
zephyr_ld_options(-Wl,--no-warn-execstack)
