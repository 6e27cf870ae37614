# SPDX-License-Identifier: Apache-2.0
"""Tests that the images for the size measurement work."""


def test_echo(server, dut, peer):
    peer.expect("size: 100 messages came back")
