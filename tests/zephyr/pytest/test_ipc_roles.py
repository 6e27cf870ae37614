# SPDX-License-Identifier: Apache-2.0
"""Tests two hosts on one link. A host that detects the other host logs the other host's id."""


def test_two_hosts(server, dut, peer):
    lines = dut.readlines_until(regex="is this link's host, too: stop one of the two", timeout=60)
    assert "<err> amp_ipc: ipc0: peer 1 is" in lines[-1], lines[-1]
