# SPDX-License-Identifier: Apache-2.0
"""Tests that a sleeping callback does not end the link, and that meanwhile a send waits for a buffer."""


def test_a_callback_sleeps_for_longer_than_the_limit_for_silence(server, dut, peer):
    lines = dut.readlines_until(regex="^sent ", timeout=120)
    assert "sent 100 of 100, answer 0, link lost 0 times" in lines[-1], "\n".join(lines)
