# SPDX-License-Identifier: Apache-2.0
"""Tests C OpenAMP against a Linux process: `amp ping` with C's echo, and `amp echo` with C's ping."""

import json
import logging
import re
import subprocess
from pathlib import Path

import pytest

from machine import AMP, Machine

logger = logging.getLogger(__name__)

MESSAGES = 10_000
LONG = 200


class Guest:
    """The machine that runs C OpenAMP. Its peer is an `amp` command."""

    def __init__(self, folder: Path, socket: Path):
        self.machine = Machine(folder, run_in=folder)
        self.folder, self.socket = folder, socket
        self.is_host = "OPENAMP_MASTER=y" in (folder / "zephyr" / ".config").read_text()

    def amp(self, command: str, *words: str) -> str:
        role = ["--role", "remote"]
        if not self.is_host:
            # The C side uses the addresses in descriptors directly as pointers.
            line = self.machine.expect("shared memory at 0x")
            role = ["--role", "host", "--address", re.search(r"at (0x[0-9a-f]+)", line)[1]]
        words = [AMP, command, "--socket", self.socket.name, "--profile", "openamp", "--timeout", "60", *role, *words]
        result = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, timeout=LONG)
        assert result.returncode == 0, f"{words}: {result}\n" + "\n".join(self.machine.lines)
        logger.info(result.stdout)
        return result.stdout

    def anew(self) -> None:
        """Restarts a C host for its next remote, or waits until a C remote is ready for its next host."""
        if self.is_host:
            self.machine.restart()
        else:
            self.machine.expect("the host has gone")


@pytest.fixture
def guest(server, device_object):
    guest = Guest(Path(device_object.device_config.app_build_dir), server.socket)
    yield guest
    guest.machine.stop()
    print("\n".join(guest.machine.lines))


def test_ping_and_echo(guest):
    if guest.is_host:
        guest.machine.expect("^up$")
    report = json.loads(guest.amp("ping", "--count", str(MESSAGES), "--seed", "7", "--json"))
    assert report["passed"], report
    assert (report["messages"], report["lost"], report["wrong"]) == (MESSAGES, 0, 0), report
    guest.anew()
    mark = len(guest.machine.lines)
    said = guest.amp("echo", "--endpoint", "mirror", "--count", str(MESSAGES))
    assert said.endswith(f"{MESSAGES} messages answered, 0 not\n"), said
    line = guest.machine.expect("^pinged ", since=mark)
    logger.info(line)
    assert line == f"pinged messages={MESSAGES} wrong=0"
