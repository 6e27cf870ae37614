# SPDX-License-Identifier: Apache-2.0
"""C OpenAMP on one machine, this module on the other: every cell of one row of README's table of interoperability."""

from openamp_pair import pair  # noqa: F401, a fixture

MESSAGES = 100_000


def test_traffic(pair):
    """Name service, both-way traffic, no-copy, hold, endpoints that come and go meanwhile, and more than C's 128."""
    pair.check_figures("dual-qemu-ivshmem", MESSAGES)


def test_a_host_that_is_killed_and_returns(pair):
    """The remote notices, whichever side is C, and both begin anew with nothing old."""
    pair.progress()
    for _ in range(2):
        marks = pair.marks()
        pair.host.restart()
        if pair.remote is pair.rust:
            # It sees the status, the rings that were set up again, or an index that starts again.
            pair.rust.expect("link down: ", since=marks[1])
            pair.rust.expect("link up", since=marks[1])
        else:
            pair.c.expect("the host has gone", since=marks[0])
        pair.progress(pair.marks())


def test_a_remote_that_is_killed_and_returns(pair):
    """Nothing in this memory says that it did. What it finds or does is named, and nothing comes twice on this side."""
    pair.progress()
    marks = pair.marks()
    pair.remote.restart()
    if pair.remote is pair.rust:
        pair.rust.expect("refused: the rings are in use", since=marks[1])
        marks = pair.marks()
        pair.host.restart()
        pair.rust.expect("link up", since=marks[1])
    else:
        # C takes up what it has had already, and runs past what it was given.
        pair.rust.expect("link down: ", since=marks[1])
        pair.c.expect("the host has gone", since=marks[0])
        marks = pair.marks()
    pair.progress(marks)
    assert not [line for line in pair.rust.lines if line.startswith("wrong ")]
