# SPDX-License-Identifier: Apache-2.0
"""The second machine. QEMU starts as in `west build -t run`, with the console on pipes. Twister runs the first
machine."""

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
AMP = os.environ.get("AMP", str(ROOT / "amp"))


def end(process: subprocess.Popen) -> None:
    """Sends SIGTERM, and then SIGKILL if the process does not exit."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Machine:
    """A running QEMU process."""

    def __init__(self, folder: Path, run_in: Path, command: list[str] | None = None):
        """Starts the image in a build folder with `command`, or with `amp machine` by default."""
        self.name = f"{folder.name} in {run_in.name}"
        self.command = command or [AMP, "machine", str(folder)]
        self.run_in = run_in
        self.lines: list[str] = []
        self.changed = threading.Condition()
        self.start()

    def start(self) -> None:
        self.ended = False
        self.process = subprocess.Popen(
            self.command, cwd=self.run_in, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def restart(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Kills the machine without notifying its peer, calls `meanwhile`, and starts the machine again."""
        self.process.kill()
        self.stop()
        meanwhile()
        self.start()

    def _read(self) -> None:
        for raw in self.process.stdout:
            line = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", raw.decode(errors="replace")).rstrip()
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def expect(self, pattern: str, seconds: float = 60, since: int = 0) -> str:
        """Waits for a line that matches `pattern`, and returns the line."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while True:
                for line in self.lines[since:]:
                    if re.search(pattern, line):
                        return line
                rest = deadline - time.monotonic()
                text = "\n".join(self.lines)
                assert not self.ended, f"{self.name} ended without {pattern!r}:\n{text}"
                assert rest > 0, f"{self.name} did not print {pattern!r} in {seconds} s:\n{text}"
                self.changed.wait(rest)

    def write(self, line: str) -> None:
        """Types a line on the console."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def stop(self) -> None:
        end(self.process)
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()
