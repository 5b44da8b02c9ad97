# SPDX-License-Identifier: MIT
"""Instructions of ring 0 and real mode (guests/tiny/README.md: emul, privileged, real-mode), each
guest once bare in QEMU, which is the oracle, and once under xihv. Bochs' processors differ from real
ones in flags and prefixes that `emul` looks at, so only the others run there."""

import pytest

import beds
import xihv
from machine import Qemu

# How many checks: 5 with SMAP, without which there are no writes that xihv must emulate.
GUESTS = {"emul": 5, "privileged": None, "real-mode": None}


def bare(guest):
    args = xihv.machine_args() + ["-kernel", str(xihv.TINY / f"{guest}.elf"),
                                  "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
    return Qemu(f"{guest}-bare", args, limit=120)


def check_log(log, guest):
    assert "FAIL" not in log
    checks = log.count("\nok ") + log.startswith("ok ")
    assert f"{guest}: {checks} checks, 0 failed" in log
    if GUESTS[guest]:
        assert checks == GUESTS[guest]


@pytest.mark.parametrize("guest", GUESTS)
def test_on_the_bare_machine(guest):
    with bare(guest) as machine:
        machine.expect(rf"{guest}: \d+ checks, \d+ failed")
        check_log(machine.log().replace("\r", ""), guest)


def check_under_xihv(boot, guest, cpu):
    machine = boot([xihv.tiny_module(guest, words="debugexit -- n=1")], cpu=cpu, limit=120)
    machine.expect(rf"{guest}: ended: debugexit code 16 ")
    check_log(machine.log().replace("\r", ""), guest)


@pytest.mark.parametrize("guest", GUESTS)
def test_under_xihv(boot, guest):
    check_under_xihv(boot, guest, "EPYC")


@pytest.mark.parametrize("guest", ["privileged", "real-mode"])
@pytest.mark.parametrize("cpu", beds.each())
def test_on_bochs(boot, cpu, guest):
    check_under_xihv(boot, guest, cpu)
