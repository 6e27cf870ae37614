# SPDX-License-Identifier: Apache-2.0
"""What the tests of machines that share memory need: the server, running before any machine does."""

import re
import select
import shlex
import subprocess
from pathlib import Path

import pytest

from machine import AMP, Machine, end

# The build folder's name for it: CONFIG_AMP_IVSHMEM_QEMU_SOCKET in each test's prj.conf.
SOCKET = "ivshmem.sock"


class Server:
    """`amp server` on a socket in a build folder."""

    def __init__(self, folder: Path, size: str):
        self.socket = folder / SOCKET
        # A relative name: that of a build folder of Twister's may be longer than a socket's can be.
        self.process = subprocess.Popen(
            [AMP, "server", "--socket", SOCKET, "--size", size],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # Long, because the tool may have to be built first.
        line = self.line(600)
        while line and "listening" not in line:
            line = self.line(600)
        assert line, "the server did not start"

    def line(self, seconds: float) -> str:
        """The next line that the server prints, or nothing."""
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        return self.process.stdout.readline() if ready else ""

    def stop(self) -> None:
        end(self.process)
        self.process.stdout.close()


@pytest.fixture
def size() -> str:
    """Bytes of shared memory: as the flat device's node has it."""
    return "1M"


@pytest.fixture
def server(device_object, size):
    """A server for the machine under test; named before `dut`, so that it runs first."""
    server = Server(Path(device_object.device_config.app_build_dir), size)
    yield server
    server.stop()


@pytest.fixture
def peer(server, dut):
    """The second machine: the image `peer` of a build for two, or else a second one of the image under test."""
    folder = Path(dut.device_config.app_build_dir)
    image = Path(dut.device_config.build_dir) / "peer"
    machine = Machine(image if image.is_dir() else folder, run_in=folder)
    yield machine
    machine.stop()
    print(f"----- {machine.name}\n" + "\n".join(machine.lines))


def qemu_command(folder: Path) -> list[str]:
    """What the build runs, to be changed, with the console on standard input and output."""
    ninja = ["ninja", "-C", str(folder), "-t", "commands", "run"]
    found = subprocess.run(ninja, capture_output=True, text=True, check=True).stdout
    line = next(line for line in reversed(found.splitlines()) if "qemu-system-" in line)
    words = shlex.split(next(part for part in line.split("&&") if "qemu-system-" in part))
    at = words.index("-pidfile")
    del words[at : at + 2]
    return [re.sub(r"^(pipe|stdio),id=con,.*", "stdio,id=con,mux=on", word) for word in words]


@pytest.fixture
def start(device_object):
    """Starts the image on a machine for which words of QEMU's command are replaced, and some added."""
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
