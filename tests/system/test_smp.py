# SPDX-License-Identifier: MIT
"""Guests with several vCPUs, on one host CPU and on several: all come up, the load passes (with the
phases that need several: TLB shootdown, one time for all), audits are clean meanwhile; guests are
killed and started again beside others that go on."""

import random
import re
import time

import pytest

import xihv
from machine import Shell
from test_shadow import audit

NAME = "deb64"
BOOT_SECONDS = 300
MEM = 1024


def modules(vcpus, name=NAME, **kwargs):
    return xihv.stock_modules(name, words=f"vcpus={vcpus}", **kwargs)


@pytest.mark.parametrize("cpus,vcpus", [(1, 2), (2, 4)])
@pytest.mark.xdist_group("smp")
def test_every_vcpu_works(boot, cpus, vcpus):
    machine = boot(modules(vcpus), mem=MEM, cpus=cpus)
    machine.expect(rf"CPUs: {cpus} of {cpus} run guests")
    shell = Shell(machine)
    shell.wait(BOOT_SECONDS)
    assert shell.run("nproc").strip() == str(vcpus)
    online = shell.run("grep -c ^processor /proc/cpuinfo")
    assert online.strip() == str(vcpus)
    for cpu in range(vcpus):
        assert shell.run(f"taskset {1 << cpu:x} echo on {cpu}").strip() == f"on {cpu}"
    # every one has had its timer, and interrupts of the others
    for line in ("LOC", "RES|CAL"):
        counts = shell.run(f"grep -E '^ *({line}):' /proc/interrupts")
        rows = [[int(n) for n in re.findall(r"\b\d+\b", row)] for row in counts.splitlines() if ":" in row]
        assert all(any(row[i] > 0 for row in rows) for i in range(vcpus)), counts
    assert "stall" not in shell.run("dmesg"), "a CPU that did not answer"


@pytest.mark.parametrize("cpu,cpus,vcpus,engine", [
    ("EPYC", 1, 2, "xi"), ("EPYC", 2, 2, "xi"), ("EPYC", 2, 2, "vtlb"),
    ("max", 2, 2, "xi"),  # five levels
])
@pytest.mark.xdist_group("smp")
def test_load(boot, cpu, cpus, vcpus, engine):
    seconds = 10
    machine = boot(xihv.stock_modules(NAME, words=f"vcpus={vcpus} mmu={engine}", cpu=cpu,
                                      cmdline=f"xihv.load={seconds}"),
                   cpu=cpu, mem=MEM, cpus=cpus, limit=900)
    machine.loads_begin([NAME], BOOT_SECONDS)
    for _ in range(3):
        audit(machine)
    machine.loads_end([NAME], 600)
    xihv.check_figures(machine, NAME)
    assert machine.alive()


def kib_in_use(machine):
    return int(re.search(r"(\d+) KiB in use", machine.key("m"))[1])


def killed_and_started_again(boot, times, seed):
    """Guest "dies" is killed at any moment of its boot or load and started again, beside one under
    load. All memory comes back each time."""
    chance = random.Random(seed)
    machine = boot([m for name in ("stays", "dies") for m in xihv.stock_modules(
        name, words="vcpus=2", cmdline="xihv.load=100000")],
        mem=xihv.host_mem(2), cpus=2, limit=900 + 60 * times)
    machine.expect(r"dies: started, ")
    machine.input_to("xihv")
    in_use = None
    for _ in range(times):
        time.sleep(chance.uniform(0, 12))
        machine.send("k2")
        machine.expect(r"dies: ended: killed from the console", 60)
        assert in_use in (None, kib_in_use(machine)), "memory was lost"
        in_use = kib_in_use(machine)
        machine.send("n2")
        machine.expect(r"dies: started, ", 60)
    audit(machine, ["stays", "dies"])
    machine.expect(r"\(stays\) load: [1-9]\d* rounds so far, 0 errors", 120)
    assert not xihv.COMPLAINTS.search(machine.log())


@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.xdist_group("smp")
def test_guest_that_resets_for_ever_beside_others(boot, cpus):
    """What a start costs is taken from its own share of the machine."""
    machine = boot([xihv.tiny_module("reset-loop", mem=512)]
                   + xihv.stock_modules(NAME, words="vcpus=2", cmdline="xihv.load=5"),
                   mem=MEM + 512, cpus=cpus, limit=600)
    machine.loads_begin([NAME], BOOT_SECONDS)
    machine.loads_end([NAME], 120)
    assert machine.log().count("reset-loop: reset: ") > 3
    machine.input_to("xihv")
    machine.send("k1") # most of the time it is being started
    machine.expect(r"reset-loop: ended: killed from the console")
    assert re.search(r"reset-loop +ended ", machine.key("g"))


@pytest.mark.xdist_group("smp")
def test_killed_and_started_again(boot):
    killed_and_started_again(boot, 4, 1)
