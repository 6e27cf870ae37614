# SPDX-License-Identifier: Apache-2.0
"""Tests the checked exchange between two machines, with a peer that is killed, and with a Linux process."""

import subprocess

from conftest import SOCKET
from machine import AMP

DONE = r"figures role=\w+ messages=[1-9]\d+ lost=\d+ wrong=\d+"
RIGHT = "lost=0 wrong=0"


def test_exchange(server, dut, peer):
    assert RIGHT in dut.readlines_until(regex=DONE, timeout=120)[-1]
    assert RIGHT in peer.expect(DONE)


def test_a_peer_that_is_killed_and_returns_exchanges_again(server, dut, peer):
    dut.readlines_until(regex="1000 messages came back", timeout=120)
    for _ in range(2):
        mark = len(peer.lines)
        peer.restart()
        dut.readlines_until(regex="link down: ", timeout=60)
        assert RIGHT in dut.readlines_until(regex=DONE, timeout=120)[-1]
        assert RIGHT in peer.expect(DONE, since=mark)


def test_a_linux_process(server, dut):
    command = [AMP, "peer", "--socket", SOCKET, "--role", "host"]
    peer = subprocess.Popen(command, cwd=dut.device_config.app_build_dir, stdout=subprocess.PIPE, text=True)
    try:
        assert RIGHT in dut.readlines_until(regex=DONE, timeout=120)[-1]
        assert any(RIGHT in line for line in iter(peer.stdout.readline, "") if "figures" in line and "wrong=" in line)
    finally:
        peer.kill()
        peer.wait()
        peer.stdout.close()
