# SPDX-License-Identifier: Apache-2.0
# Rust applications on ARM64, which zephyr-lang-rust does not map to a Rust target yet.
#
# Included when every module has been processed, so it does not matter which comes first.
if(NOT (CONFIG_RUST AND CONFIG_ARM64 AND COMMAND _rust_map_target))
  return()
endif()

# Nothing can be asked of a CMake function, so its source is looked at: one that knows of ARM64 is left alone.
file(STRINGS $CACHE{RUST_MODULE_DIR}/CMakeLists.txt amp_arm64_upstream REGEX "^[^#]*CONFIG_ARM64")
if(amp_arm64_upstream)
  return()
endif()

# In the place of zephyr-lang-rust's, which would end the build here. Other CPUs never come here.
#
# An application may hand floats to C, so its ABI is that of the C beside it: Zephyr compiles ARM64's with the
# floating-point registers wherever the CPU has them (CONFIG_FPU, implied by every Cortex-A), and saves them for each
# thread that uses them. In an interrupt handler they cost a trap and no more. Where CONFIG_FPU is off nothing saves them.
function(_rust_map_target)
  if(CONFIG_FPU)
    set(RUST_TARGET "aarch64-unknown-none" PARENT_SCOPE)
  else()
    set(RUST_TARGET "aarch64-unknown-none-softfloat" PARENT_SCOPE)
  endif()
endfunction()
