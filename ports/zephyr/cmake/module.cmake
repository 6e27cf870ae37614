# SPDX-License-Identifier: Apache-2.0
# Builds the C drivers and the Rust code that they call, and sets the QEMU flags.

# Contains one folder for each board that the snippet `amp-ivshmem` supports.
set(AMP_BOARDS ${ZEPHYR_CURRENT_MODULE_DIR}/boards)

# Stores in `out` the enabled devicetree nodes of a kind, `pci` or `flat`. A flat node also has the PCI device's
# compatible, but no vendor-id.
function(amp_nodes out kind)
  if(kind STREQUAL "flat")
    dt_comp_path(nodes COMPATIBLE "qemu,ivshmem-flat")
  else()
    dt_comp_path(nodes COMPATIBLE "qemu,ivshmem")
  endif()
  set(enabled "")
  foreach(node IN LISTS nodes)
    dt_node_has_status(okay PATH ${node} STATUS okay)
    dt_prop(vendor PATH ${node} PROPERTY vendor-id)
    if(okay AND (DEFINED vendor OR kind STREQUAL "flat"))
      list(APPEND enabled ${node})
    endif()
  endforeach()
  set(${out} "${enabled}" PARENT_SCOPE)
endfunction()

if("amp-ivshmem" IN_LIST SNIPPET_AS_LIST)
  amp_nodes(amp_pci pci)
  amp_nodes(amp_flat flat)
  if(NOT amp_pci AND NOT amp_flat)
    message(FATAL_ERROR "amp-ivshmem: the snippet amp-ivshmem has no ivshmem device for ${BOARD}${BOARD_QUALIFIERS}: "
      "add the board as ${AMP_BOARDS}/README.md describes, or add a node to your application's overlay")
  endif()
endif()

# Without AMP_IVSHMEM, the users of the devices would fail at link time without a clear error message.
if(CONFIG_VIRTUALIZATION AND NOT CONFIG_IVSHMEM AND NOT CONFIG_MULTITHREADING)
  amp_nodes(amp_pci pci)
  amp_nodes(amp_flat flat)
  if(amp_pci OR amp_flat)
    message(FATAL_ERROR "amp-ivshmem: the drivers need threads: set CONFIG_MULTITHREADING=y, or disable the devicetree "
      "nodes ${amp_pci} ${amp_flat}")
  endif()
endif()

# Twister defines TC_RUNID. Under Twister, the tests and samples of this repository need the host tool.
if(DEFINED TC_RUNID)
  cmake_path(IS_PREFIX ZEPHYR_CURRENT_MODULE_DIR ${APPLICATION_SOURCE_DIR} NORMALIZE amp_is_ours)
  if(amp_is_ours)
    include(${CMAKE_CURRENT_LIST_DIR}/tool.cmake)
  endif()
endif()

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

# Cargo's target folder. All builds share it, so that a test run with many images compiles the Rust code only once per
# CPU. Cargo locks the folder.
set(amp_cargo_target_dir $ENV{CARGO_TARGET_DIR})
if(NOT amp_cargo_target_dir)
  set(amp_cargo_target_dir ${ZEPHYR_CURRENT_MODULE_DIR}/target)
endif()

# A C application links the Rust code as one static library. A Rust application already depends on this code as a crate,
# so the library would add a second copy.
if(NOT CONFIG_RUST)
  include(${CMAKE_CURRENT_LIST_DIR}/rust.cmake)
endif()

if(CONFIG_AMP_IVSHMEM_QEMU)
  include(${CMAKE_CURRENT_LIST_DIR}/qemu.cmake)
endif()
