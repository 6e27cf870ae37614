# SPDX-License-Identifier: Apache-2.0
# Rust applications on ARM64, which zephyr-lang-rust does not map to a Rust target yet.
#
# Included after every module has been processed, so the order of the modules does not matter.
if(NOT (CONFIG_RUST AND CONFIG_ARM64 AND COMMAND _rust_map_target))
  return()
endif()

# CMake cannot query a function, so this looks at the function's source: if it supports ARM64 already, it is left alone.
file(STRINGS $CACHE{RUST_MODULE_DIR}/CMakeLists.txt amp_arm64_upstream REGEX "^[^#]*CONFIG_ARM64")
if(amp_arm64_upstream)
  return()
endif()

# Replaces zephyr-lang-rust's function, which would end the build here. Other CPUs never get here.
#
# An application may pass floats to C, so its ABI is the one that Zephyr uses for C. Zephyr compiles ARM64 code with the
# floating-point registers wherever the CPU has them (CONFIG_FPU, implied by every Cortex-A), and saves them for each
# thread that uses them. In an interrupt handler they only cost a trap. Where CONFIG_FPU is off, nothing saves them.
function(_rust_map_target)
  if(CONFIG_FPU)
    set(RUST_TARGET "aarch64-unknown-none" PARENT_SCOPE)
  else()
    set(RUST_TARGET "aarch64-unknown-none-softfloat" PARENT_SCOPE)
  endif()
endfunction()
