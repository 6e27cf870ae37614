# SPDX-License-Identifier: Apache-2.0
"""Fixtures for machines that share memory: the server and the second machine. The server starts before the machines."""

import re
import select
import shlex
import subprocess
from pathlib import Path

import pytest

from machine import AMP, Machine, end

# Each test's prj.conf sets CONFIG_AMP_IVSHMEM_QEMU_SOCKET to this name, relative to the build
# folder.
SOCKET = "ivshmem.sock"


class Server:
    """An `amp server` process with its socket in a build folder."""

    def __init__(self, folder: Path, size: str):
        self.socket = folder / SOCKET
        # The path is relative, because the paths of Twister's build folders may be too long for a socket.
        self.process = subprocess.Popen(
            [AMP, "server", "--socket", SOCKET, "--size", size],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # The image's build has already built the tool (see ports/zephyr/cmake/tool.cmake).
        line = self.line(60)
        while line and "listening" not in line:
            line = self.line(60)
        assert line, "the server did not start"

    def line(self, seconds: float) -> str:
        """Returns the next line that the server prints, or an empty string if the time limit expires."""
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        return self.process.stdout.readline() if ready else ""

    def stop(self) -> None:
        end(self.process)
        self.process.stdout.close()


@pytest.fixture
def size() -> str:
    """Returns the size of the shared memory. It must equal the size in the flat device's devicetree node."""
    return "1M"


@pytest.fixture
def server(device_object, size):
    """The server for the machine under test. Request this fixture before `dut`, so that the server starts first."""
    server = Server(Path(device_object.device_config.app_build_dir), size)
    yield server
    server.stop()


@pytest.fixture
def peer(server, dut):
    """The second machine. It runs the sysbuild image `peer` if there is one, and otherwise the image under test."""
    folder = Path(dut.device_config.app_build_dir)
    image = Path(dut.device_config.build_dir) / "peer"
    machine = Machine(image if image.is_dir() else folder, run_in=folder)
    yield machine
    machine.stop()
    print(f"----- {machine.name}\n" + "\n".join(machine.lines))


def qemu_command(folder: Path) -> list[str]:
    """Returns the QEMU command from the build, changed so that the console uses standard input and output."""
    ninja = ["ninja", "-C", str(folder), "-t", "commands", "run"]
    found = subprocess.run(ninja, capture_output=True, text=True, check=True).stdout
    line = next(line for line in reversed(found.splitlines()) if "qemu-system-" in line)
    words = shlex.split(next(part for part in line.split("&&") if "qemu-system-" in part))
    at = words.index("-pidfile")
    del words[at : at + 2]
    return [re.sub(r"^(pipe|stdio),id=con,.*", "stdio,id=con,mux=on", word) for word in words]


@pytest.fixture
def start(device_object):
    """Starts a machine with the image under test. The test can replace or add arguments of the QEMU command."""
    machines: list[Machine] = []

    def start(old="", new="", *more) -> Machine:
        folder = Path(device_object.device_config.app_build_dir)
        command = [re.sub(old, new, word) if old else word for word in qemu_command(folder)]
        machine = Machine(folder, run_in=folder, command=command + list(more))
        machines.append(machine)
        return machine

    yield start
    for machine in machines:
        machine.stop()
        text = "\n".join(machine.lines)
        print(text)
        assert not re.search("FATAL|FAULT|panicked|Halting", text), text
