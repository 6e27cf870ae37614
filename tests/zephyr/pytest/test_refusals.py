# SPDX-License-Identifier: Apache-2.0
"""Runs one image on machines that differ from its devicetree.

The image must print the node and the cause, and must not fault.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from machine import Machine


def without_a_device(machine: Machine, node: str) -> None:
    """Checks the results of all APIs when the ivshmem device is not ready."""
    machine.expect("still here", 120)
    machine.expect("before: open -19, register -19, close -19", 1)
    machine.expect("after: open -19, register -16, close -120", 1)
    machine.expect("ready: ivshmem 0, mbox 0, ipc 1", 1)
    machine.expect("ivshmem: 0 bytes nowhere, 0 vectors, ring -19, register -19", 1)
    machine.expect("mbox: 0 channels, send -22, enable -22", 1)
    machine.expect("ipc: close -120, open -19, register -16", 1)
    machine.expect(rf"<err> amp_mbox: mbox0: {node} is not ready", 5)
    machine.expect(rf"<err> amp_ipc: ipc0: {node} is not ready", 5)


def test_both_a_machine_as_it_should_be(server, start):
    machine = start()
    machine.expect("still here")
    machine.expect("before: open -19, register -19, close -19", 1)
    machine.expect("after: open 0, register 0, close 0", 1)
    machine.expect("ready: ivshmem 1, mbox 1, ipc 1", 1)
    machine.expect("ivshmem: 1048576 bytes, 1 vectors, ring 0, register 0", 1)
    machine.expect("mbox: 1 channels, send 0, enable 0", 1)
    # Without a peer, the endpoint is not bound.
    machine.expect("ipc: close -120, open 0, register 0", 1)
    machine.expect("ipc: send -16, get -16, drop -6, nocopy -6, hold -6, release -6", 1)
    busy = "send -16, size -16, get -16, drop -16, nocopy -16, hold -16, release -16, register -16, deregister -16"
    machine.expect(f"isr: {busy}", 1)
    machine.expect("isr: open -16, close -16", 1)


def test_both_no_server(start):
    machine = start()
    machine.expect("Failed to connect to 'ivshmem.sock'")


def test_pci_absent(server, start):
    machine = start("^ivshmem-doorbell,.*", "virtio-rng-pci")
    without_a_device(machine, "ivshmem")
    machine.expect("<err> amp_ivshmem: ivshmem: no ivshmem device on PCI", 1)


def test_pci_behind_a_bridge(server, start):
    """Tests a device that Zephyr finds but cannot access, because Zephyr does not open the bridge."""
    behind = "ivshmem-doorbell,chardev=ivshmem0,vectors=1,bus=rp"
    machine = start("^ivshmem-doorbell,.*", "pcie-root-port,id=rp,chassis=1", "-device", behind)
    without_a_device(machine, "ivshmem")
    machine.expect("<err> amp_ivshmem: ivshmem: behind a PCI bridge that does not pass BAR0: give QEMU's", 1)


def test_pci_plain(server, start):
    """Tests a device without a doorbell: the memory is accessible, and doorbell calls fail."""
    memory = "memory-backend-ram,id=m,size=1M,share=on"
    machine = start("^ivshmem-doorbell,.*", "ivshmem-plain,memdev=m", "-object", memory)
    machine.expect("still here")
    machine.expect("ready: ivshmem 1, mbox 0, ipc 1", 1)
    machine.expect("ivshmem: 1048576 bytes, 0 vectors, ring -88, register -88", 1)
    machine.expect("mbox: 0 channels, send -22, enable -22", 1)
    machine.expect("ipc: close -120, open -134, register -16", 1)
    machine.expect("<wrn> amp_ivshmem: ivshmem: no doorbell: an ivshmem-plain device", 1)
    machine.expect("<err> amp_mbox: mbox0: ivshmem has no doorbell", 1)
    machine.expect("<err> amp_ipc: ipc0: ivshmem has no doorbell", 1)


def test_msix_not_to_be_had(server, start):
    machine = start()
    without_a_device(machine, "ivshmem")
    machine.expect("<err> amp_ivshmem: ivshmem: no MSI-X vector is available", 1)


def test_flat_absent(server, start):
    """Tests a machine that has no device at the node's addresses."""
    machine = start("^(LD_PRELOAD|AMP_QEMU_FLAT)=.*", "NOTHING=")
    without_a_device(machine, "ivshmem@400ff000")
    machine.expect("<err> amp_ivshmem: ivshmem@400ff000: its doorbell does not ring", 1)


def test_flat_another_interrupt(server, start):
    machine = start("irq=40", "irq=41")
    without_a_device(machine, "ivshmem@400ff000")
    machine.expect("<err> amp_ivshmem: ivshmem@400ff000: its doorbell does not ring", 1)


def test_flat_an_interrupt_that_the_machine_has_not(server, start):
    machine = start("irq=40", "irq=240")
    machine.expect("irq=240 in AMP_QEMU_FLAT: this machine's NVIC has inputs 0 to")


@pytest.mark.parametrize("size", ["2M"])
def test_flat_of_another_size_than_the_server_s(server, start):
    machine = start()
    machine.expect("shmem size different from device size!; give the server and size= the same size")


def cached(folder: Path, name: str) -> str:
    """Returns an entry from a build folder's CMake cache."""
    return re.search(rf"^{name}:\w+=(.*)$", (folder / "CMakeCache.txt").read_text(), re.MULTILINE)[1]


def configure(built: Path, folder: Path, *words: str) -> subprocess.CompletedProcess:
    """Configures the application of the build `built` again, in the build folder `folder`."""
    command = [cached(built, "CMAKE_COMMAND"), "-S", cached(built, "APPLICATION_SOURCE_DIR"), "-B", str(folder)]
    command += ["-GNinja", "-DSNIPPET=amp-ivshmem", "-DBOARD=qemu_cortex_m3", *words]
    environment = dict(os.environ, ZEPHYR_BASE=cached(built, "ZEPHYR_BASE"))
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_flat_without_threads_is_refused(device_object, tmp_path):
    built = Path(device_object.device_config.app_build_dir)
    done = configure(built, tmp_path, "-DEXTRA_DTC_OVERLAY_FILE=all.overlay", "-DCONFIG_MULTITHREADING=n")
    assert done.returncode != 0
    text = " ".join((done.stdout + done.stderr).split())
    assert "amp-ivshmem: the drivers need threads: set CONFIG_MULTITHREADING=y" in text, text


def test_flat_what_cannot_be_does_not_build(device_object, tmp_path):
    """Builds the same application with invalid devices. The compiler must reject each device with an error message."""
    built = Path(device_object.device_config.app_build_dir)
    wrong = ["-DCONFIG_AMP_IVSHMEM_IPC_BUFFERS=6", "-DCONFIG_AMP_IVSHMEM_IPC_BUFFER_SIZE=500"]
    wrong += ["-DCONFIG_TRAP_UNALIGNED_ACCESS=y", "-DCONFIG_AMP_IVSHMEM_IPC_INIT_PRIORITY=45"]
    wrong += ["-DCONFIG_AMP_IVSHMEM_MBOX_INIT_PRIORITY=44"]
    done = configure(built, tmp_path, "-DEXTRA_DTC_OVERLAY_FILE=all.overlay;wrong.overlay", *wrong)
    assert done.returncode == 0, done.stdout + done.stderr
    # With `-k 0`, ninja continues after errors, so that the errors in all files are shown.
    libraries = ["drivers__virtualization", "drivers__mbox", "amp_ivshmem_ipc"]
    done = subprocess.run(["ninja", "-C", str(tmp_path), "-k", "0", *libraries], capture_output=True, text=True)
    assert done.returncode != 0
    found = re.findall(r"(\w+\.c):.* error: static assertion failed: \"(.*)\"", done.stdout.replace("\\'", "'"))
    assert set(found) == {
        ("amp_ivshmem_flat.c", "this chip has no interrupt of that number (CONFIG_NUM_IRQS)"),
        ("amp_ivshmem_flat.c", "ivshmem-flat has 16 bytes of registers"),
        ("amp_ivshmem_flat.c", "the shared memory's size is a power of two of at least 4096"),
        ("amp_ivshmem_flat.c", "the shared memory is Device memory there: put it at 0x60000000 to 0x9fffffff"),
        ("amp_ivshmem_flat.c", "Rust makes unaligned accesses on this CPU: set CONFIG_TRAP_UNALIGNED_ACCESS=n"),
        ("amp_mbox.c", "the ivshmem device of this node is disabled"),
        ("amp_mbox.c", "peer-id: peers end at 65535"),
        ("amp_ipc.c", "the ivshmem device of this node is disabled"),
        ("amp_mbox.c", "CONFIG_AMP_IVSHMEM_MBOX_INIT_PRIORITY must be after CONFIG_AMP_IVSHMEM_INIT_PRIORITY"),
        ("amp_ipc.c", "CONFIG_AMP_IVSHMEM_IPC_INIT_PRIORITY must be after CONFIG_AMP_IVSHMEM_INIT_PRIORITY"),
        ("amp_ipc.c", "CONFIG_AMP_IVSHMEM_IPC_BUFFERS is no power of two"),
        ("amp_ipc.c", "CONFIG_AMP_IVSHMEM_IPC_BUFFER_SIZE is no multiple of 8"),
    }, done.stdout
