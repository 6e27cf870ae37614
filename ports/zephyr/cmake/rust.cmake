# SPDX-License-Identifier: Apache-2.0
# Builds the port's static library with cargo and links it. rust-toolchain.toml selects the compiler.

# Sets `out` to the Rust target for this CPU, with the same float ABI as Zephyr's C code.
#
# On ARM64 the target is soft-float. Zephyr compiles its kernel and interrupt handlers with -mgeneral-regs-only, and both
# call the Rust functions. The ABIs are compatible, because C and Rust do not pass floats to each other.
function(amp_rust_target out)
  if(CONFIG_ARM64)
    set(target aarch64-unknown-none-softfloat)
  elseif(CONFIG_CPU_CORTEX_M0 OR CONFIG_CPU_CORTEX_M0PLUS OR CONFIG_CPU_CORTEX_M1)
    set(target thumbv6m-none-eabi)
  elseif(CONFIG_CPU_CORTEX_M3)
    set(target thumbv7m-none-eabi)
  elseif(CONFIG_CPU_CORTEX_M4 OR CONFIG_CPU_CORTEX_M7)
    set(target thumbv7em-none-eabi)
  elseif(CONFIG_CPU_CORTEX_M23)
    set(target thumbv8m.base-none-eabi)
  elseif(CONFIG_CPU_CORTEX_M)
    set(target thumbv8m.main-none-eabi)
  else()
    message(FATAL_ERROR "amp-ivshmem: no Rust target is known for this CPU; add it to ${CMAKE_CURRENT_LIST_FILE}")
  endif()
  if(CONFIG_FP_HARDABI AND target MATCHES "^thumbv(7em|8m.main)")
    string(APPEND target hf)
  endif()
  set(${out} ${target} PARENT_SCOPE)
endfunction()

# An image with non-default sizes gets its own library. All other images share one library, which is built with both
# variables unset, even if the user's environment sets them.
amp_rust_target(amp_rust_target)
set(amp_rust_target_dir ${amp_cargo_target_dir})
set(amp_rust_settings --unset=AMP_IPC_ENDPOINTS --unset=AMP_IPC_BUFFERS_MAX)
if(CONFIG_AMP_IVSHMEM_IPC)
  set(amp_sizes ${CONFIG_AMP_IVSHMEM_IPC_ENDPOINTS}-${CONFIG_AMP_IVSHMEM_IPC_BUFFERS_MAX})
  if(NOT amp_sizes STREQUAL "8-16")
    set(amp_rust_target_dir ${amp_cargo_target_dir}/ipc-${amp_sizes})
    set(amp_rust_settings AMP_IPC_ENDPOINTS=${CONFIG_AMP_IVSHMEM_IPC_ENDPOINTS}
      AMP_IPC_BUFFERS_MAX=${CONFIG_AMP_IVSHMEM_IPC_BUFFERS_MAX})
  endif()
endif()
set(amp_rust_library ${amp_rust_target_dir}/${amp_rust_target}/guest/libamp_ivshmem_zephyr_c.a)

# Every build calls Cargo, which detects what has changed. Targets that depend on the library are rebuilt only if the
# library has changed. With --locked, Cargo uses exactly the versions in Cargo.lock.
add_custom_target(amp_ivshmem_rust
  COMMAND ${CMAKE_COMMAND} -E env ${amp_rust_settings} ${CARGO} build --quiet --locked --profile guest --package amp-ivshmem-zephyr-c
    --target ${amp_rust_target} --target-dir ${amp_rust_target_dir}
  BYPRODUCTS ${amp_rust_library}
  WORKING_DIRECTORY ${ZEPHYR_CURRENT_MODULE_DIR}
  COMMENT "Building amp-ivshmem for ${amp_rust_target} with cargo"
  VERBATIM
)
add_library(amp_ivshmem_rust_library STATIC IMPORTED GLOBAL)
set_target_properties(amp_ivshmem_rust_library PROPERTIES IMPORTED_LOCATION ${amp_rust_library})
add_dependencies(amp_ivshmem_rust_library amp_ivshmem_rust)
zephyr_link_libraries(amp_ivshmem_rust_library)
# Objects from the Rust runtime do not declare that they work without an executable stack. No code here needs one.
zephyr_ld_options(-Wl,--no-warn-execstack)
