# SPDX-License-Identifier: Apache-2.0
"""C OpenAMP on one machine, this module on the other: every cell of one row of README's table of interoperability."""

import logging
import re
from pathlib import Path

import pytest

from machine import Machine

logger = logging.getLogger(__name__)

MESSAGES = 100_000
FIGURES = r"^figures side=\w+ role=(\w+) "
# Long: 600,000 messages under emulation, on a computer that runs others meanwhile.
LONG = 400


def numbers(line: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line)}


class Pair:
    """Two machines, both of which may be killed and started anew: so neither is Twister's."""

    def __init__(self, build: Path, run_in: Path):
        self.c = Machine(run_in, run_in=run_in)
        self.rust = Machine(build / "peer", run_in=run_in)
        host = "OPENAMP_MASTER=y" in (run_in / "zephyr" / ".config").read_text()
        self.host, self.remote = (self.c, self.rust) if host else (self.rust, self.c)

    def progress(self, marks=(0, 0)) -> None:
        """Both sides get somewhere, and nothing is wrong."""
        for machine, mark in zip((self.c, self.rust), marks):
            line = machine.expect("^progress", seconds=LONG, since=mark)
            assert numbers(line)["wrong"] == 0, "\n".join(machine.lines)

    def marks(self) -> tuple[int, int]:
        return len(self.c.lines), len(self.rust.lines)

    def stop(self) -> None:
        for machine in (self.c, self.rust):
            machine.stop()
            print(f"----- {machine.name}\n" + "\n".join(machine.lines))


@pytest.fixture
def pair(server, device_object):
    config = device_object.device_config
    pair = Pair(Path(config.build_dir), Path(config.app_build_dir))
    yield pair
    pair.stop()


def test_traffic(pair):
    """Name service, both-way traffic, no-copy, hold, and endpoints that come and go meanwhile."""
    for machine in (pair.c, pair.rust):
        line = machine.expect(FIGURES, seconds=LONG)
        # In twister_harness.log.
        logger.info(line)
        found = numbers(line)
        assert found["wrong"] == 0, "\n".join(machine.lines)
        assert [found[stream] for stream in ("copy", "nocopy", "hold")] == [MESSAGES] * 3
        # The streams' three, and as many as came and went.
        assert found["own"] >= 100 and found["theirs"] >= 100
        assert found.get("announcements", 3) >= 3


def test_a_host_that_is_killed_and_returns(pair):
    """The remote notices, whichever side is C, and both begin anew with nothing old."""
    pair.progress()
    for _ in range(2):
        marks = pair.marks()
        pair.host.restart()
        if pair.remote is pair.rust:
            # By its status, by its rings that were set up anew, or by an index that begins anew: whatever is seen first.
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
