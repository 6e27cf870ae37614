# The Zephyr port: the drivers' C, the Rust that they call, and QEMU's flags.
if(NOT CONFIG_AMP_IVSHMEM)
  return()
endif()

add_subdirectory(ports/zephyr/drivers/virtualization)
if(CONFIG_AMP_IVSHMEM_IPC)
  add_subdirectory(ports/zephyr/ipc)
endif()

find_program(CARGO cargo HINTS "$ENV{HOME}/.cargo/bin")
if(NOT CARGO)
  message(FATAL_ERROR "amp-ivshmem: cargo is not found, and the drivers are written in Rust: install rustup")
endif()

# An application in C links the Rust as one static library. One in Rust has it among its own crates, and would link it
# twice.
if(NOT CONFIG_RUST)
  include(${CMAKE_CURRENT_LIST_DIR}/rust.cmake)
endif()

if(CONFIG_AMP_IVSHMEM_QEMU)
  include(${CMAKE_CURRENT_LIST_DIR}/qemu.cmake)
endif()
