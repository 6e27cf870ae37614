# SPDX-License-Identifier: Apache-2.0
"""Tests the rpmsg_echo_c sample with two machines and a host that is killed and restarted."""

ALL = "1000 of 1000 messages came back"


def test_echo(server, dut, peer):
    peer.expect(ALL, 120)
    dut.readlines_until(regex="^bound", timeout=60)


def test_a_host_that_is_killed_and_returns_is_answered(server, dut, peer):
    peer.expect(ALL, 120)
    mark = len(peer.lines)
    peer.restart(lambda: dut.readlines_until(regex="^unbound", timeout=60))
    peer.expect(ALL, 120, since=mark)
