# SPDX-License-Identifier: Apache-2.0
# Builds the port's static library with cargo and links it. rust-toolchain.toml selects the compiler.

# The Rust target for this CPU, with the same float ABI as Zephyr's C code.
#
# On ARM64 this is the target without floating point: Zephyr compiles its kernel and interrupt handlers without it
# (-mgeneral-regs-only), and both call these functions. No float is passed between C and Rust, so the ABIs agree.
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

# An image whose sizes differ from the defaults has its own library. All other images share one, which is built without
# the two variables, even if the user's environment has them.
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

# Cargo knows what has changed, so it is called in every build; targets that depend on the library are rebuilt only if
# the library has changed. --locked: Cargo uses exactly the versions in Cargo.lock.
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
# Objects from the Rust compiler's run-time do not state that they need no executable stack; no code here needs one.
zephyr_ld_options(-Wl,--no-warn-execstack)
