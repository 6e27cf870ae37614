# SPDX-License-Identifier: Apache-2.0
"""A pair of machines, one with C OpenAMP and one with this module, and the parser for their output."""

import logging
import re
from pathlib import Path

import pytest

from machine import Machine

logger = logging.getLogger(__name__)

# Time limit for 600,000 messages under emulation, while other tests run on the same computer.
LONG = 400
# Number of messages in the bounce test. The Rust side opens more endpoints than C OpenAMP has
# dynamic addresses.
BOUNCED = 130 * 20


def numbers(line: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)\b", line)}


class Pair:
    """Two machines. Twister does not run them, because a test may kill and restart both."""

    def __init__(self, build: Path, run_in: Path):
        self.c = Machine(run_in, run_in=run_in)
        self.rust = Machine(build / "peer", run_in=run_in)
        host = "OPENAMP_MASTER=y" in (run_in / "zephyr" / ".config").read_text()
        self.host, self.remote = (self.c, self.rust) if host else (self.rust, self.c)

    def check_figures(self, layout: str, messages: int) -> None:
        """Checks that both sides have sent and received all messages in a layout without errors."""
        for machine in (self.c, self.rust):
            line = machine.expect(rf"^figures side=\w+ role=\w+ layout={layout} ", seconds=LONG)
            # This line goes to twister_harness.log.
            logger.info(line)
            found = numbers(line)
            assert found["wrong"] == 0, "\n".join(machine.lines)
            assert [found[stream] for stream in ("copy", "nocopy", "hold")] == [messages] * 3
            # Also check the short-lived endpoints, the announcements (at least one per stream), and the bounce test.
            assert found["own"] >= messages / 1000
            assert found["theirs"] >= messages / 1000
            assert found.get("announcements", 3) >= 3
            assert found.get("bounced", BOUNCED) == BOUNCED

    def progress(self, marks=(0, 0)) -> None:
        """Checks that both sides make progress without errors."""
        for machine, mark in zip((self.c, self.rust), marks, strict=True):
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
