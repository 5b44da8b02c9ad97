# SPDX-License-Identifier: MIT
"""The stock guests of all three paging formats side by side, two vCPUs each on two host CPUs: their
consoles, shadows and figures."""

import time

import pytest

import xihv
from test_shadow import audit, finish, start

GUESTS = list(xihv.STOCK)
LOAD_SECONDS = 15
LOOKS = 5


def consoles_in_turn(machine):
    """Who has the input after each of enough ^a^a^a to go round, from the hypervisor on."""
    turns = []
    for _ in range(len(GUESTS) + 1):
        machine.send(xihv.CTRL_A * 3)
        m = machine.expect([xihv.INPUT_HYPERVISOR, xihv.INPUT_GUEST])
        turns.append("xihv" if machine.index == 0 else m[1])
    return turns


def watched_loads(boot, seconds, engine):
    """The load in all guests at once, with a look at their shadows now and then."""
    machine = start(boot, seconds, f"mmu={engine} vcpus=2", guests=GUESTS, cpus=2)
    assert consoles_in_turn(machine) == GUESTS + ["xihv"]
    for _ in range(LOOKS):
        audit(machine, GUESTS)
        time.sleep(seconds / LOOKS / 2)
    finish(machine, seconds, GUESTS)
    xihv.check_figures(machine, *GUESTS)


@pytest.mark.xdist_group("guests")
def test_all_guests_at_once(boot):
    watched_loads(boot, LOAD_SECONDS, xihv.engines()[0])
