# SPDX-License-Identifier: MIT
"""The checked load: a minute on QEMU; shorter on its other processors, and on Bochs, whose
processors are real ones' models."""

import pytest

import beds
import bochs
import xihv

BOOT_SECONDS = 240


def checked_load(boot, cpu, seconds, words=""):
    machine = boot(xihv.stock_modules("deb64", words=words, cmdline=f"xihv.load={seconds}", cpu=cpu),
                   cpu=cpu)
    machine.expect(r"xihv-guest: user space reached", BOOT_SECONDS)
    machine.expect(r"load: [1-9]\d* rounds, 0 errors", 120 + 2 * seconds)
    machine.expect(r"xihv-guest: load ended with code 0", 30)
    machine.expect(r"deb64: ended: .*\n", 60)
    xihv.check_figures(machine, "deb64")
    assert machine.alive()


@pytest.mark.parametrize("cpu,seconds", [("EPYC", 60), ("max", 5), ("qemu64", 5)])
def test_load(boot, cpu, seconds):
    checked_load(boot, cpu, seconds)


@pytest.mark.parametrize("cpu", beds.each(bochs.VMX_MODELS[0]))
def test_load_on_bochs(boot, cpu):
    checked_load(boot, cpu, 2)


@pytest.mark.parametrize("cpu", beds.each())
def test_load_on_bochs_with_vtlb(boot, cpu):
    checked_load(boot, cpu, 5, "mmu=vtlb")
