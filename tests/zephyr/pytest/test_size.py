# SPDX-License-Identifier: Apache-2.0
"""Checks that the images whose size is measured work."""


def test_echo(server, dut, peer):
    peer.expect("size: 100 messages came back")
