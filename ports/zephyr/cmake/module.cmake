# The Zephyr port: the drivers' C, the Rust that they call, and QEMU's flags.
if(NOT CONFIG_AMP_IVSHMEM)
  return()
endif()

add_subdirectory(ports/zephyr/drivers/virtualization)
if(CONFIG_AMP_IVSHMEM_MBOX)
  add_subdirectory(ports/zephyr/drivers/mbox)
endif()
if(CONFIG_AMP_IVSHMEM_IPC)
  add_subdirectory(ports/zephyr/ipc)
endif()

find_program(CARGO cargo HINTS "$ENV{HOME}/.cargo/bin")
if(NOT CARGO)
  message(FATAL_ERROR "amp-ivshmem: cargo is not found, and the drivers are written in Rust: install rustup")
endif()

# Where cargo keeps what it builds. The same for all builds, which differ by CPU only and then by folder in it, so that
# twenty images of a test run compile it once. Cargo locks it.
set(amp_cargo_target_dir $ENV{CARGO_TARGET_DIR})
if(NOT amp_cargo_target_dir)
  set(amp_cargo_target_dir ${ZEPHYR_CURRENT_MODULE_DIR}/target)
endif()

# An application in C links the Rust as one static library. One in Rust has it among its own crates, and would link it
# twice.
if(NOT CONFIG_RUST)
  include(${CMAKE_CURRENT_LIST_DIR}/rust.cmake)
endif()

if(CONFIG_AMP_IVSHMEM_QEMU)
  include(${CMAKE_CURRENT_LIST_DIR}/qemu.cmake)
endif()
