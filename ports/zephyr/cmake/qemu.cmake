# SPDX-License-Identifier: Apache-2.0
# Gives QEMU the ivshmem devices from devicetree when `west build -t run` starts it. Addresses, sizes and interrupts
# come from devicetree, so the image and the machine agree.

# Facts about QEMU's machine: boards/<board>/qemu.cmake, for the board with its qualifiers or without. They are
#   AMP_QEMU_DEVICES: the kinds of ivshmem device that QEMU can give to the machine, `pci` and `flat`; empty means both
#   AMP_QEMU_FLAGS: flags that the machine needs for them
set(AMP_QEMU_DEVICES "")
set(AMP_QEMU_FLAGS "")
string(REPLACE / _ qualified_board ${BOARD}${BOARD_QUALIFIERS})
foreach(name ${qualified_board} ${BOARD})
  if(EXISTS ${AMP_BOARDS}/${name}/qemu.cmake)
    include(${AMP_BOARDS}/${name}/qemu.cmake)
    break()
  endif()
endforeach()

# Stops the build if devicetree has a kind of device that QEMU cannot give to this machine.
function(amp_qemu_check kind node)
  if(AMP_QEMU_DEVICES AND NOT kind IN_LIST AMP_QEMU_DEVICES)
    message(FATAL_ERROR "amp-ivshmem: QEMU has no ${kind} ivshmem device for ${BOARD}${BOARD_QUALIFIERS}: "
      "remove the devicetree node ${node}, or give it a device of kind: ${AMP_QEMU_DEVICES}")
  endif()
endfunction()

# One connection to the server for each device, named ivshmem0, ivshmem1 and so on.
function(amp_qemu_chardev out index)
  set(${out} -chardev socket,path=${CONFIG_AMP_IVSHMEM_QEMU_SOCKET},id=ivshmem${index} PARENT_SCOPE)
endfunction()

set(flags ${QEMU_EXTRA_FLAGS} ${AMP_QEMU_FLAGS})
set(count 0)
set(flat "")

if(CONFIG_AMP_IVSHMEM_PCI)
  dt_comp_path(nodes COMPATIBLE "qemu,ivshmem")
  foreach(node IN LISTS nodes)
    amp_qemu_check(pci ${node})
    amp_qemu_chardev(chardev ${count})
    list(APPEND flags ${chardev}
      -device ivshmem-doorbell,chardev=ivshmem${count},vectors=${CONFIG_AMP_IVSHMEM_VECTORS})
    math(EXPR count "${count} + 1")
  endforeach()
endif()

if(CONFIG_AMP_IVSHMEM_FLAT)
  dt_comp_path(nodes COMPATIBLE "qemu,ivshmem-flat")
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

# None of QEMU's machines has the flat device. An object that is preloaded into QEMU adds and wires it; an environment
# variable tells it the addresses.
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
  # Zephyr looks for QEMU later, in the same places, and keeps a QEMU that is set already. `env` is the system's:
  # CMake's own `env` would remain QEMU's parent, and a signal meant for QEMU would stop there.
  find_program(AMP_QEMU qemu-system-${ARCH} HINTS $ENV{QEMU_BIN_PATH})
  if(NOT AMP_QEMU)
    set(AMP_QEMU qemu-system-${ARCH})
  endif()
  set(QEMU env LD_PRELOAD=${library} AMP_QEMU_FLAT=${flat} ${AMP_QEMU} CACHE INTERNAL
    "QEMU with ivshmem-flat")
endif()

# Zephyr reads this after its modules.
set(QEMU_EXTRA_FLAGS ${flags} PARENT_SCOPE)
