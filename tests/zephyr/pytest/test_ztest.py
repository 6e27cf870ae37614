# SPDX-License-Identifier: Apache-2.0
"""Runs a ztest image and checks its result."""

import re


def judge(dut):
    lines = dut.readlines_until(regex="PROJECT EXECUTION (SUCCESSFUL|FAILED)", timeout=120)
    text = "\n".join(lines)
    failed = re.findall(r"^ *- (?:FAIL|SKIP) - .*", text, re.MULTILINE)
    assert not failed, failed
    assert "PROJECT EXECUTION SUCCESSFUL" in lines[-1], text
    assert re.search(r"^ *- PASS - ", text, re.MULTILINE), "no test ran"


def test_ztest(server, dut):
    judge(dut)
