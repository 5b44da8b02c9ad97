# SPDX-License-Identifier: MIT
"""Our own test guests (guests/tiny/README.md), all at once: so they also show that guests do
not disturb each other. `switch` is there twice, for what it tests are the switches."""

import pytest

import beds
import bochs
import xihv
from machine import Qemu

# With the fault of a bed that fails one of its checks here.
GUESTS = {"paging": None, "exceptions": bochs.DB_WITHOUT_DR6, "timers": bochs.IRQ_WAITS,
          "msr": None, "cr8": None, "switch": None}


@pytest.mark.parametrize("cpu", beds.each(*xihv.CPUS))
def test_tiny_guests_at_once(boot, cpu):
    guests = [g for g, fault in GUESTS.items() if fault not in bochs.FAULTS.get(cpu, ())]
    modules = [xihv.tiny_module(g) for g in guests] + [xihv.tiny_module("switch", "switch2")]
    machine = boot(modules, cpu=cpu, limit=180)
    machine.expect_all([g + r": ended: debugexit code 16 " for g in guests + ["switch2"]])
    assert "FAIL" not in machine.log()


@pytest.mark.parametrize("cpu", beds.each())
def test_timers_alone(boot, cpu):
    machine = boot([xihv.tiny_module("timers")], cpu=cpu, limit=120)
    machine.expect(r"timers: ended: debugexit code 16 ")
    assert "FAIL" not in machine.log()


# AMD's processors, and so Bochs' models of them, have no SYSENTER in long mode.
@pytest.mark.parametrize("cpu", beds.each(*xihv.CPUS, long=bochs.VMX_MODELS))
def test_exit_behind_sysenter(boot, cpu):
    machine = boot([xihv.tiny_module("sysenter")], cpu=cpu, limit=120)
    machine.expect(r"sysenter: ended: debugexit code 16 ")


def test_second_processor_on_the_bare_machine():
    args = xihv.machine_args() + ["-smp", "2", "-kernel", str(xihv.TINY / "smp-start.elf"),
                                  "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
    with Qemu("smp-start-bare", args, limit=60) as machine:
        machine.expect(r"smp-start: \d+ checks, 0 failed")


def second_processor(boot, **kwargs):
    machine = boot([xihv.tiny_module("smp-start", words="debugexit vcpus=2")], limit=120, **kwargs)
    machine.expect(r"smp-start: ended: debugexit code 16 ")
    assert "FAIL" not in machine.log()


@pytest.mark.parametrize("cpus", [1, 2])
def test_second_processor(boot, cpus):
    second_processor(boot, cpus=cpus)


@pytest.mark.parametrize("cpu", beds.each(*bochs.VMX_MODELS))
def test_second_processor_on_bochs(boot, cpu):
    second_processor(boot, cpu=cpu)


# 461266621: a locked instruction on the APIC timer's counter never ended.
@pytest.mark.parametrize("cpu,seed", zip(xihv.CPUS, (461266621, 20061026, 1)))
def test_random_accesses_hurt_nobody_else(boot, cpu, seed):
    modules = [xihv.tiny_module("random", words=f"debugexit -- seed={seed}"),
               xihv.tiny_module("switch")]
    machine = boot(modules, cpu=cpu, limit=120)
    machine.expect_all([r"random: (ended|killed|reset): ", r"switch: ended: debugexit code 16 "])
    machine.input_to("xihv")
    assert "shadow" in machine.key("h")
