# SPDX-License-Identifier: Apache-2.0
"""Tests that all users of one vector receive every doorbell: two ipc_service instances and a registered signal."""


def test_no_doorbell_is_lost_to_a_registration(server, dut, peer):
    lines = dut.readlines_until(regex="^20 answers, ", timeout=200)
    assert "the handler heard: 1" in "\n".join(lines)
    assert lines[-1].endswith("20 answers, 0 of them late"), lines[-1]
