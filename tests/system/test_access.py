# SPDX-License-Identifier: MIT
"""The tiny guest `access`: every combination of table entries, registers and accesses, in each
paging mode, bare and under xihv with each engine. An even share of the cases; all of them
with ACCESS_CASES=full (`make access-full`)."""

import os

import pytest

import beds
import xihv

MODES = ["32", "pae", "long", "la57"]
MODES_OF_BOCHS = MODES[:-1]  # none of its models has LA57
CASES = os.environ.get("ACCESS_CASES", "pruned")
LIMIT = {"pruned": 300, "full": 4 * 3600}[CASES]
DEBUG_EXIT_PASSED = 33


def runs(*choices):
    """Each combination, free to run beside the others (conftest.py)."""
    combinations = [()]
    for choice in choices:
        combinations = [c + (x,) for c in combinations for x in choice]
    return [pytest.param(*c, marks=pytest.mark.xdist_group("access-" + "-".join(c)))
            for c in combinations]


def wait_for_verdict(machine):
    """The guest's last line; each line of progress may take a minute, or two beside others."""
    while True:
        machine.expect([r"access: .* checks so far", r"access: (\d+) checks, (\d+) failed"], 120)
        if machine.index == 1:
            break
    failures = [line for line in machine.log().splitlines() if line.startswith("FAIL")]
    assert not failures, "\n".join(failures)


def check_access(boot, engine, mode, cpu="max"):
    module = xihv.tiny_module("access", words=f"mmu={engine} debugexit -- {CASES} {mode}")
    machine = boot([module], cpu=cpu, limit=LIMIT)
    machine.expect(rf"access: started, .* mmu={engine}")
    wait_for_verdict(machine)
    machine.expect(r"access: ended: debugexit code 16 ")
    assert "expected difference" not in machine.log()


@pytest.mark.parametrize("engine,mode", runs(xihv.engines(), MODES))
def test_access(boot, engine, mode):
    check_access(boot, engine, mode)


@pytest.mark.parametrize("mode", MODES_OF_BOCHS)
@pytest.mark.parametrize("engine", xihv.engines())
@pytest.mark.parametrize("cpu", beds.each())
def test_access_on_bochs(boot, cpu, engine, mode):
    check_access(boot, engine, mode, cpu)


@pytest.mark.parametrize("mode", runs(MODES))
def test_access_bare(mode):
    """What the test expects is what a processor does that is not ours."""
    with xihv.bare_tiny(f"access-bare-{mode}", "access", f"{CASES} {mode}", limit=LIMIT) as machine:
        wait_for_verdict(machine)
        assert machine.wait_end() == DEBUG_EXIT_PASSED
