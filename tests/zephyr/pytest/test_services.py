# SPDX-License-Identifier: Apache-2.0
"""Tests the two services of docs/how-to/endpoints.md: the machine under test offers them, and the peer asks."""


def test_services(server, dut, peer):
    peer.expect("100 questions to each service, 0 answers wrong", 120)
