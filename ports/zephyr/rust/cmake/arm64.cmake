# SPDX-License-Identifier: Apache-2.0
# Adds support for Rust applications on ARM64, which zephyr-lang-rust does not map to a Rust target yet.
#
# This file is included after all modules have been processed, so the order of the modules does not matter.
if(NOT (CONFIG_RUST AND CONFIG_ARM64 AND COMMAND _rust_map_target))
  return()
endif()

# CMake cannot query a function, so this searches its source file. If the function already supports ARM64, it is kept.
file(STRINGS $CACHE{RUST_MODULE_DIR}/CMakeLists.txt amp_arm64_upstream REGEX "^[^#]*CONFIG_ARM64")
if(amp_arm64_upstream)
  return()
endif()

# Replaces zephyr-lang-rust's function, which would fail the build on ARM64. On other CPUs, this file has already returned.
#
# An application may pass floats to C, so it uses the same ABI as Zephyr's C code. With CONFIG_FPU, which every Cortex-A
# implies, Zephyr compiles ARM64 code with floating-point registers, and saves them for each thread that uses them. Using
# them in an interrupt handler only costs a trap. Without CONFIG_FPU, Zephyr does not save these registers.
function(_rust_map_target)
  if(CONFIG_FPU)
    set(RUST_TARGET "aarch64-unknown-none" PARENT_SCOPE)
  else()
    set(RUST_TARGET "aarch64-unknown-none-softfloat" PARENT_SCOPE)
  endif()
endfunction()
