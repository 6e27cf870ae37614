# SPDX-License-Identifier: Apache-2.0
"""Tests Zephyr's ipc_service sample, which has two instances. The second instance uses zero-copy buffers."""

import re

ENDED = r"demo ended\."


def test_all_messages_are_exchanged(server, dut, peer):
    lines: list[str] = []
    while sum(bool(re.search(ENDED, line)) for line in lines) < 3:
        lines += dut.readlines_until(regex=ENDED, timeout=60)
    text = "\n".join(lines)
    assert "failed" not in text, text
    assert "failure" not in text, text
    # The host prints each answer, which is the number that it sent plus one.
    for thread, numbers in ("0A", range(1, 100, 2)), ("0B", range(1, 100, 2)), ("1", range(1, 100, 2)):
        printed = [int(number) for number in re.findall(rf"HOST \[{thread}\]: (\d+)", text)]
        assert printed == list(numbers), thread
    for thread in r"INST 0 - ENDP A", r"INST 0 - ENDP B", "INST 1":
        peer.expect(rf"REMOTE \[{thread}\] demo ended\.")
    assert not any("fail" in line for line in peer.lines), peer.lines
