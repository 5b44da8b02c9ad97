# SPDX-License-Identifier: MIT
"""The stock guests of all three paging formats side by side, two vCPUs each on two host CPUs: their
consoles, shadows and figures."""

import time

import pytest

import xihv
from test_shadow import audit, finish, start
from test_smp import kib_in_use

GUESTS = list(xihv.STOCK)
LOAD_SECONDS = 15
LOOKS = 5 # and one a minute in a long load


def consoles_in_turn(machine):
    """Who has the input after each of enough ^a^a^a to go round, from the hypervisor on."""
    turns = []
    for _ in range(len(GUESTS) + 1):
        machine.send(xihv.CTRL_A * 3)
        m = machine.expect([xihv.INPUT_HYPERVISOR, xihv.INPUT_GUEST])
        turns.append("xihv" if machine.index == 0 else m[1])
    return turns


def nothing_is_lost(machine):
    """All guests have ended. When they have run once more, as much memory is in use as before: of
    what they had, shadow pools and all, nothing stays behind."""
    before = kib_in_use(machine)
    for key, wants in ("n", "started, "), ("k", "ended: killed"):
        for i, name in enumerate(GUESTS, 1):
            machine.send(f"{key}{i}")
            machine.expect(f"{name}: {wants}", 60)
    assert kib_in_use(machine) == before, "memory was lost"


def watched_loads(boot, seconds, engine):
    """The load in all guests at once, with a look at their shadows now and then."""
    machine = start(boot, seconds, f"mmu={engine} vcpus=2", guests=GUESTS, cpus=2)
    assert consoles_in_turn(machine) == GUESTS + ["xihv"]
    end = time.monotonic() + 0.75 * seconds
    looks = LOOKS + seconds // 60
    for _ in range(looks):
        audit(machine, GUESTS)
        time.sleep(max(0, min(0.75 * seconds / looks, end - time.monotonic())))
    finish(machine, seconds, GUESTS)
    xihv.check_figures(machine, *GUESTS)
    nothing_is_lost(machine)


@pytest.mark.xdist_group("guests")
def test_all_guests_at_once(boot):
    watched_loads(boot, LOAD_SECONDS, xihv.engines()[0])
