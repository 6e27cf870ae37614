# SPDX-License-Identifier: Apache-2.0
"""The doorbell sample: each machine's own doorbell, and two that wake each other by turns."""

OWN = r"the own doorbell came within \d+ us"
TURNS = r"1000 turns, \d+ us each"


def test_turns(server, dut, peer):
    lines = "\n".join(dut.readlines_until(regex=TURNS, timeout=120))
    assert "the own doorbell came" in lines, lines
    peer.expect(OWN)
    peer.expect(TURNS)
