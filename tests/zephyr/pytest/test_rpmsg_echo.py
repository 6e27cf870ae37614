# SPDX-License-Identifier: Apache-2.0
"""Tests the rpmsg_echo sample between two machines, with a host that is killed, and with a Linux process."""

import subprocess

from conftest import SOCKET
from machine import AMP

DONE = "1000 messages came back"


def test_echo(server, dut, peer):
    peer.expect(DONE)
    assert not any("wrong answer" in line for line in peer.lines)


def test_a_host_that_is_killed_and_returns_pings_again(server, dut, peer):
    peer.expect(DONE)
    mark = len(peer.lines)
    peer.restart()
    dut.readlines_until(regex="link down: ", timeout=60)
    peer.expect(DONE, since=mark)
    assert not any("wrong answer" in line for line in peer.lines)


def test_a_linux_process(server, dut):
    """Runs `amp ping`, which fails if a message is lost or wrong."""
    command = [AMP, "ping", "--socket", SOCKET, "--role", "host", "--count", "1000"]
    subprocess.run(command, cwd=dut.device_config.app_build_dir, check=True, timeout=120)
