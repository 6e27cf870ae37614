# SPDX-License-Identifier: Apache-2.0
"""Tests the doorbell sample: each machine's own doorbell, and two machines that wake each other in turn."""

OWN = r"the own doorbell came within \d+ us"
TURNS = r"1000 turns, \d+ us each"


def test_turns(server, dut, peer):
    lines = "\n".join(dut.readlines_until(regex=TURNS, timeout=120))
    assert "the own doorbell came" in lines, lines
    peer.expect(OWN)
    peer.expect(TURNS)


def test_a_machine_without_the_device(server, start):
    """Checks that the Rust API reports a missing device without a fault."""
    without = {"i": "virtio-rng-pci", "L": "NOTHING=", "A": "NOTHING="}
    machine = start(r"^(ivshmem-doorbell,|LD_PRELOAD=|AMP_QEMU_FLAT=).*", lambda word: without[word[0][0]])
    machine.expect(r"doorbell: ivshmem\S* is not ready: its driver has logged the cause")
