# SPDX-License-Identifier: Apache-2.0
"""Tests Zephyr's doorbell sample on two machines. Each machine rings the other one from Zephyr's `ivshmem` shell."""

import re

import pytest

READY = r"peer (\d+), 1 doorbell vector"


@pytest.fixture
def size() -> str:
    return "16K"


def test_each_rings_the_other(server, dut, peer):
    here = re.search(READY, "\n".join(dut.readlines_until(regex=READY, timeout=60))).group(1)
    there = re.search(READY, peer.expect(READY)).group(1)
    assert here != there
    peer.expect("Use write_shared_memory")

    dut.write(f"ivshmem int_peer {there} 0\n".encode())
    peer.expect("received IRQ and full message")
    peer.write(f"ivshmem int_peer {here} 0")
    dut.readlines_until(regex="received IRQ and full message", timeout=60)

    # The driver rejects an invalid vector, and the doorbell still works afterwards.
    mark = len(peer.lines)
    dut.write(f"ivshmem int_peer {there} 1\n".encode())
    dut.write(f"ivshmem int_peer {there} 0\n".encode())
    peer.expect("received IRQ and full message", since=mark)
