# SPDX-License-Identifier: Apache-2.0
"""Tests C OpenAMP against this module in one layout after the other, of those that C's users have."""

from openamp_pair import pair  # noqa: F401, a fixture

LAYOUTS = ["dual-qemu-ivshmem", "rpmsg-service", "static-vrings", "pages", "split-pool", "resource-table"]
MESSAGES = 10_000


def test_traffic_in_every_layout(pair):
    for layout in LAYOUTS:
        pair.check_figures(layout, MESSAGES)
    # The host has accepted the name service and is up: in C's remoteproc, or in this side, and C's reads it.
    pair.rust.expect("^resource table: status=4 features=1$")
    for machine in (pair.c, pair.rust):
        machine.expect("^all layouts$")
