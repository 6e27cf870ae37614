# SPDX-License-Identifier: Apache-2.0
"""Tests C OpenAMP against this module, once in each layout that is used with C OpenAMP."""

from openamp_pair import pair  # noqa: F401, a fixture

LAYOUTS = ["dual-qemu-ivshmem", "rpmsg-service", "static-vrings", "pages", "split-pool", "resource-table"]
MESSAGES = 10_000


def test_traffic_in_every_layout(pair):
    for layout in LAYOUTS:
        pair.check_figures(layout, MESSAGES)
    # The host has set DRIVER_OK (4) and accepted the name service feature (1). The host is C's remoteproc or this
    # module.
    pair.rust.expect("^resource table: status=4 features=1$")
    for machine in (pair.c, pair.rust):
        machine.expect("^all layouts$")
