# SPDX-License-Identifier: Apache-2.0
"""Tests Zephyr's icmsg sample, unchanged, on this module's backend. The sample itself checks every message."""


def test_sample(server, dut, peer):
    lines = dut.readlines_until(regex="IPC-service HOST demo ended", timeout=120)
    assert any("Received " in line and "Received 0 " not in line for line in lines), "\n".join(lines)
    peer.expect("IPC-service REMOTE demo ended")
    peer.expect(r"Received [1-9]\d* \[Bytes\] in total", 1)
