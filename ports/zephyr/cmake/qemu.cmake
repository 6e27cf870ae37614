# SPDX-License-Identifier: Apache-2.0
# Adds the ivshmem devices in devicetree to QEMU when `west build -t run` starts it. QEMU gets the addresses, sizes and
# interrupts from devicetree, so the image and the machine agree.

# boards/<board>/qemu.cmake describes QEMU's machine. <board> is the board name with as
# many of its qualifiers as possible. The file sets:
#   AMP_QEMU_DEVICES: the kinds of ivshmem device that the machine supports, `pci` and `flat`; empty means both
#   AMP_QEMU_FLAGS: flags that the machine needs for these devices
set(AMP_QEMU_DEVICES "")
set(AMP_QEMU_FLAGS "")
set(board ${BOARD}${BOARD_QUALIFIERS})
while(board)
  string(REPLACE / _ name ${board})
  if(EXISTS ${AMP_BOARDS}/${name}/qemu.cmake)
    include(${AMP_BOARDS}/${name}/qemu.cmake)
    break()
  endif()
  if(NOT board MATCHES "^(.+)/[^/]*$")
    break()
  endif()
  set(board ${CMAKE_MATCH_1})
endwhile()

# Fails the build if the machine does not support this kind of device.
function(amp_qemu_check kind node)
  if(AMP_QEMU_DEVICES AND NOT kind IN_LIST AMP_QEMU_DEVICES)
    message(FATAL_ERROR "amp-ivshmem: QEMU has no ${kind} ivshmem device for ${BOARD}${BOARD_QUALIFIERS}: "
      "remove the devicetree node ${node}, or give it a device of kind: ${AMP_QEMU_DEVICES}")
  endif()
endfunction()

# Sets `out` to the flags for a device's connection to the server. The connections are named ivshmem0, ivshmem1 and so on.
function(amp_qemu_chardev out index)
  amp_socket_option(path "${CONFIG_AMP_IVSHMEM_QEMU_SOCKET}")
  set(${out} -chardev socket,path=${path},id=ivshmem${index} PARENT_SCOPE)
endfunction()

include(${CMAKE_CURRENT_LIST_DIR}/qemu_paths.cmake)

set(flags ${QEMU_EXTRA_FLAGS} ${AMP_QEMU_FLAGS})
set(count 0)
set(flat "")

if(CONFIG_AMP_IVSHMEM_PCI)
  amp_nodes(nodes pci)
  foreach(node IN LISTS nodes)
    amp_qemu_check(pci ${node})
    amp_qemu_chardev(chardev ${count})
    list(APPEND flags ${chardev}
      -device ivshmem-doorbell,chardev=ivshmem${count},vectors=${CONFIG_AMP_IVSHMEM_VECTORS})
    math(EXPR count "${count} + 1")
  endforeach()
endif()

if(CONFIG_AMP_IVSHMEM_FLAT)
  amp_nodes(nodes flat)
  foreach(node IN LISTS nodes)
    amp_qemu_check(flat ${node})
    dt_reg_addr(registers PATH ${node} INDEX 0)
    dt_reg_addr(memory PATH ${node} INDEX 1)
    dt_reg_size(size PATH ${node} INDEX 1)
    dt_prop(irq PATH ${node} PROPERTY interrupts INDEX 0)
    if(flat)
      message(WARNING "amp-ivshmem: QEMU gets the first flat device only; ${node} will be absent")
      break()
    endif()
    amp_qemu_chardev(chardev ${count})
    list(APPEND flags ${chardev})
    set(flat chardev=ivshmem${count},registers=${registers},memory=${memory},size=${size},irq=${irq})
    math(EXPR count "${count} + 1")
  endforeach()
endif()

# No QEMU machine includes the flat device. A preloaded shared object adds it to the machine and wires it. The object
# reads the addresses from an environment variable.
if(flat)
  set(AMP_QEMU_FLAT_LIBRARY "" CACHE FILEPATH
    "The preload object that wires QEMU's ivshmem-flat (libamp_qemu_flat.so); if empty, the build makes it with cargo")
  set(library ${AMP_QEMU_FLAT_LIBRARY})
  if(NOT library)
    set(library ${amp_cargo_target_dir}/release/libamp_qemu_flat.so)
    add_custom_target(amp_qemu_flat ALL
      COMMAND ${CARGO} build --quiet --locked --release --package amp-qemu-flat --target-dir ${amp_cargo_target_dir}
      WORKING_DIRECTORY ${ZEPHYR_CURRENT_MODULE_DIR}
      COMMENT "Building the preload object for QEMU's ivshmem-flat with cargo"
      VERBATIM
    )
  endif()
  amp_check_preload("${library}")
  # Zephyr searches for QEMU later, in the same places, and keeps the variable QEMU if it is already set. The command
  # uses the system's `env`, because `cmake -E env` stays alive as QEMU's parent and does not forward signals to QEMU.
  find_program(AMP_QEMU qemu-system-${ARCH} HINTS $ENV{QEMU_BIN_PATH})
  if(NOT AMP_QEMU)
    set(AMP_QEMU qemu-system-${ARCH})
  endif()
  set(QEMU env LD_PRELOAD=${library} AMP_QEMU_FLAT=${flat} ${AMP_QEMU} CACHE INTERNAL
    "QEMU with ivshmem-flat")
endif()

# Zephyr reads this variable after it has processed its modules.
set(QEMU_EXTRA_FLAGS ${flags} PARENT_SCOPE)
