# SPDX-License-Identifier: Apache-2.0
# Provides the CPU's Rust target for Rust applications, and the C functions that their crate calls.
if(NOT CONFIG_RUST)
  return()
endif()

# Includes the file after all modules have been processed. A deferred call evaluates its variables only when it runs, so
# EVAL inserts their values now.
cmake_language(EVAL CODE "cmake_language(DEFER DIRECTORY [[${ZEPHYR_BASE}]] CALL include [[${CMAKE_CURRENT_LIST_DIR}/arm64.cmake]])")

if(CONFIG_AMP_IVSHMEM)
  add_subdirectory(ports/zephyr/rust)
endif()

# Objects from the Rust runtime do not declare that they work without an executable stack. No code here needs one.
# The linker warns about these objects, and Twister treats the warning as an error.
zephyr_ld_options(-Wl,--no-warn-execstack)
