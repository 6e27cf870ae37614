# SPDX-License-Identifier: Apache-2.0
"""Runs the ivshmem tests on an image whose devicetree has a disabled device before the enabled one."""

from pathlib import Path

from conftest import qemu_command
from test_ztest import judge


def test_ztest(server, dut):
    command = qemu_command(Path(dut.device_config.app_build_dir))
    devices = [word for word in command if word.startswith(("ivshmem-doorbell,", "AMP_QEMU_FLAT="))]
    # On the Cortex-A53, the tests add a second device.
    assert len(devices) == (2 if devices[0].startswith("ivshmem-doorbell,") else 1), devices
    judge(dut)
