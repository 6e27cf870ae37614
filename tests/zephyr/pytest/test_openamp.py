# SPDX-License-Identifier: Apache-2.0
"""Tests C OpenAMP against this module. docs/reference/openamp-compatibility.md lists the tested features in a table."""

from openamp_pair import pair  # noqa: F401, a fixture

MESSAGES = 100_000


def test_traffic(pair):
    """Tests the name service, all streams in both directions, and more endpoints than C OpenAMP has addresses (128)."""
    pair.check_figures("dual-qemu-ivshmem", MESSAGES)


def test_a_host_that_is_killed_and_returns(pair):
    """Checks that the remote detects the restart, and that both sides start again without old messages."""
    pair.progress()
    for _ in range(2):
        marks = pair.marks()
        pair.host.restart()
        if pair.remote is pair.rust:
            # The remote detects the restart by the host's status, by rings that were set up again, or by an index that
            # restarted from 0.
            pair.rust.expect("link down: ", since=marks[1])
            pair.rust.expect("link up", since=marks[1])
        else:
            pair.c.expect("the host has gone", since=marks[0])
        pair.progress(pair.marks())


def test_a_remote_that_is_killed_and_returns(pair):
    """Tests a restart that the memory does not record. This module must not deliver a message twice."""
    pair.progress()
    marks = pair.marks()
    pair.remote.restart()
    if pair.remote is pair.rust:
        pair.rust.expect("refused: the rings are in use", since=marks[1])
        marks = pair.marks()
        pair.host.restart()
        pair.rust.expect("link up", since=marks[1])
    else:
        # The C side reads old messages again, and then reads past the last message.
        pair.rust.expect("link down: ", since=marks[1])
        pair.c.expect("the host has gone", since=marks[0])
        marks = pair.marks()
    pair.progress(marks)
    assert not [line for line in pair.rust.lines if line.startswith("wrong ")]
