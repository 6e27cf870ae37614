# SPDX-License-Identifier: Apache-2.0
"""Runs a ztest image together with a second machine, and checks its result."""

from test_ztest import judge


def test_ztest(server, dut, peer):
    peer.expect("answering: 0")
    judge(dut)
