# SPDX-License-Identifier: Apache-2.0
"""The images whose size is measured do what they are measured for."""


def test_echo(server, dut, peer):
    peer.expect("size: 100 messages came back")
