# SPDX-License-Identifier: Apache-2.0
"""Tests the multi_endpoint sample: the machine under test provides services, and the peer calls and checks them."""


def test_services(server, dut, peer):
    dut.readlines_until(regex="offering", timeout=60)
    assert "none held up another" in peer.expect("none held up another|FAILED", seconds=120)


def test_a_client_that_is_killed_and_returns_is_served(server, dut, peer):
    dut.readlines_until(regex="is up with peer", timeout=60)
    mark = len(peer.lines)
    peer.restart()
    assert "none held up another" in peer.expect("none held up another|FAILED", seconds=120, since=mark)
