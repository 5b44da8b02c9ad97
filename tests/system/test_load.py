# SPDX-License-Identifier: MIT
"""The checked load: a minute on QEMU; shorter on its other processors, and on Bochs, whose
processors are real ones' models."""

import pytest

import beds
import bochs
import xihv

BOOT_SECONDS = 240


def checked_load(boot, cpu, seconds, guest="deb64", words=""):
    machine = boot(xihv.stock_modules(guest, words=words, cmdline=f"xihv.load={seconds}", cpu=cpu),
                   cpu=cpu)
    machine.loads_begin([guest], BOOT_SECONDS)
    machine.loads_end([guest], 120 + 2 * seconds)
    xihv.check_figures(machine, guest)
    assert machine.alive()


@pytest.mark.parametrize("cpu,seconds", [("EPYC", 60), ("max", 5), ("qemu64", 5)])
def test_load(boot, cpu, seconds):
    checked_load(boot, cpu, seconds)


@pytest.mark.parametrize("cpu", beds.each(bochs.VMX_MODELS[0]))
def test_load_on_bochs(boot, cpu):
    checked_load(boot, cpu, 2)


# The second vCPU waits for the first with its interrupts off.
@pytest.mark.meets(bochs.IRQ_WAITS)
@pytest.mark.parametrize("cpu", beds.each())
def test_load_on_bochs_with_two_vcpus(boot, cpu):
    checked_load(boot, cpu, 2, words="vcpus=2")


@pytest.mark.parametrize("cpu", beds.each())
def test_load_on_bochs_with_vtlb(boot, cpu):
    checked_load(boot, cpu, 5, words="mmu=vtlb")


@pytest.mark.meets(bochs.POPCNT_IS_UD)
@pytest.mark.parametrize("engine", xihv.engines())
@pytest.mark.parametrize("guest", ["debpae", "deb32"])
@pytest.mark.parametrize("cpu", beds.each())
def test_load_of_32_bit_guests_on_bochs(boot, cpu, guest, engine):
    checked_load(boot, cpu, 2, guest, f"mmu={engine}")
