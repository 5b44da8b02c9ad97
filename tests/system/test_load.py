# SPDX-License-Identifier: MIT
"""The checked load, a minute; and on the other processors that QEMU has, shorter."""

import pytest

import xihv


@pytest.mark.parametrize("cpu,seconds", [("EPYC", 60), ("max", 5), ("qemu64", 5)])
def test_load(boot, cpu, seconds):
    machine = boot(xihv.stock_modules("deb64", cmdline=f"xihv.load={seconds}"), cpu=cpu)
    machine.expect(r"xihv-guest: user space reached", 240)
    machine.expect(r"load: [1-9]\d* rounds, 0 errors", 120 + 2 * seconds)
    machine.expect(r"xihv-guest: load ended with code 0", 30)
    machine.expect(r"deb64: ended: .*\n", 60)
    xihv.check_figures(machine, "deb64")
    assert machine.alive()
