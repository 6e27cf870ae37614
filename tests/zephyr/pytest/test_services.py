# SPDX-License-Identifier: Apache-2.0
"""Tests the services of docs/how-to/endpoints.md. The machine under test provides them, and the peer checks them."""


def test_services(server, dut, peer):
    peer.expect("100 questions to each service, 0 answers wrong", 120)
