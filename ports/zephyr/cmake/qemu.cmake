# QEMU's flags for the devices that devicetree has, for `west build -t run`; from devicetree, so that they cannot differ.

# One connection to the server for each device, named ivshmem0, ivshmem1 and so on.
function(amp_qemu_chardev out index)
  set(${out} -chardev socket,path=${CONFIG_AMP_IVSHMEM_QEMU_SOCKET},id=ivshmem${index} PARENT_SCOPE)
endfunction()

set(flags ${QEMU_EXTRA_FLAGS})
set(count 0)
set(flat "")

if(CONFIG_AMP_IVSHMEM_PCI)
  if(CONFIG_ARM64)
    # No interrupt of a PCI device arrives where the machine has secure=on, as it has by its board's default.
    list(APPEND flags -machine secure=off,its=on)
  endif()
  dt_comp_path(nodes COMPATIBLE "qemu,ivshmem")
  foreach(node IN LISTS nodes)
    amp_qemu_chardev(chardev ${count})
    list(APPEND flags ${chardev}
      -device ivshmem-doorbell,chardev=ivshmem${count},vectors=${CONFIG_AMP_IVSHMEM_VECTORS})
    math(EXPR count "${count} + 1")
  endforeach()
endif()

if(CONFIG_AMP_IVSHMEM_FLAT)
  dt_comp_path(nodes COMPATIBLE "qemu,ivshmem-flat")
  foreach(node IN LISTS nodes)
    dt_reg_addr(registers PATH ${node} INDEX 0)
    dt_reg_addr(memory PATH ${node} INDEX 1)
    dt_reg_size(size PATH ${node} INDEX 1)
    dt_prop(irq PATH ${node} PROPERTY interrupts INDEX 0)
    if(flat)
      message(WARNING "amp-ivshmem: QEMU is given the first flat device only; ${node} will be absent")
      break()
    endif()
    amp_qemu_chardev(chardev ${count})
    list(APPEND flags ${chardev})
    set(flat chardev=ivshmem${count},registers=${registers},memory=${memory},size=${size},irq=${irq})
    math(EXPR count "${count} + 1")
  endforeach()
endif()

# No board of QEMU's wires its flat device: an object that is preloaded into QEMU does, told by an environment variable.
if(flat)
  set(AMP_QEMU_FLAT_LIBRARY "" CACHE FILEPATH
    "The preload object that wires QEMU's ivshmem-flat (libamp_qemu_flat.so); built with cargo where this is empty")
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
  # As Zephyr finds QEMU, before it does: it takes what is set. `env` runs it with the two variables; the system's and
  # not CMake's, which would stay between QEMU and whoever wants to stop it.
  find_program(AMP_QEMU qemu-system-${ARCH} HINTS $ENV{QEMU_BIN_PATH})
  if(NOT AMP_QEMU)
    set(AMP_QEMU qemu-system-${ARCH})
  endif()
  set(QEMU env LD_PRELOAD=${library} AMP_QEMU_FLAT=${flat} ${AMP_QEMU} CACHE INTERNAL
    "QEMU with ivshmem-flat")
endif()

# Zephyr reads this after its modules.
set(QEMU_EXTRA_FLAGS ${flags} PARENT_SCOPE)
