# SPDX-License-Identifier: Apache-2.0
"""As test_ztest, with a second machine that the tests talk to."""

from test_ztest import judge


def test_ztest(server, dut, peer):
    peer.expect("answering: 0")
    judge(dut)
