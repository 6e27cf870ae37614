# SPDX-License-Identifier: Apache-2.0
"""Tests ipc_service between two machines, with messages of every length and a peer that is killed and restarted."""

RETURNED = "200 messages returned, the longest of 496 bytes"


def test_echo(server, dut, peer):
    dut.readlines_until(regex="closed in its own callback: 0, sending then: -2$", timeout=60)
    dut.readlines_until(regex="without a copy: 0$", timeout=60)
    dut.readlines_until(regex=RETURNED, timeout=60)
    peer.expect("open: 0, again: -120")
    peer.expect("sending before bound: -16")


def test_a_peer_that_is_killed_and_returns_is_bound_again(server, dut, peer):
    dut.readlines_until(regex=RETURNED, timeout=60)
    for _ in range(2):
        peer.restart(lambda: dut.readlines_until(regex="^unbound", timeout=60))
        dut.readlines_until(regex=RETURNED, timeout=60)


def test_a_peer_that_restarts_at_once_is_bound_again(server, dut, peer):
    dut.readlines_until(regex=RETURNED, timeout=60)
    for _ in range(2):
        peer.restart()
        dut.readlines_until(regex=RETURNED, timeout=60)
