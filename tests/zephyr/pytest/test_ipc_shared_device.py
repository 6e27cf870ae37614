# SPDX-License-Identifier: Apache-2.0
"""Tests that two ipc_service instances on one device do not miss doorbells when other events wake their threads."""


def test_no_doorbell_is_lost_to_a_registration(server, dut, peer):
    lines = dut.readlines_until(regex="^20 answers, ", timeout=200)
    assert lines[-1].endswith("20 answers, 0 of them late"), lines[-1]
