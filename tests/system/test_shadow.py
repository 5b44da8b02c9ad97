# SPDX-License-Identifier: MIT
"""The shadows of a stock guest, looked at and changed by key while it runs its checked load:
keys s, a, X, d and D."""

import re
import time

import pytest

import beds
import xihv

NAME = "deb64"
LOAD_SECONDS = 15  # well beyond what the keys take
WATCH_SECONDS = 0.5  # between two looks
MIB = 1 << 20
PAGE = 4096


def start(boot, seconds, words="", cpu="EPYC", guests=(NAME,), **kwargs):
    machine = boot(xihv.all_modules(guests, words=words, cmdline=f"xihv.load={seconds}", cpu=cpu),
                   cpu=cpu, mem=xihv.host_mem(len(guests)),
                   limit=(400 + 3 * seconds) * len(guests), **kwargs)
    machine.loads_begin(guests, 240 * len(guests))
    return machine


def finish(machine, seconds, guests=(NAME,)):
    machine.loads_end(guests, (120 + 2 * seconds) * len(guests))
    assert machine.alive()


def audit(machine, guests=(NAME,)):
    """Key a: nothing found in any guest that has not ended, in more than nothing. How many entries
    it looked at."""
    text = machine.key("a")
    guests = [g for g in guests
              if re.findall(rf"\b{g}: (started,|ended:)", machine.log())[-1] == "started,"]
    found = re.findall(r"^(\w+): audit: clean, ([1-9]\d*) pages, (\d+) entries$", text, re.M)
    assert [name for name, _, _ in found] == [*guests], text
    return sum(int(entries) for _, _, entries in found)


def answer(machine, key, pattern):
    """Press a key that asks which guest, and 1; what is printed then must match."""
    text = machine.key(key + "1")
    m = re.search(pattern, text)
    assert m, f"no {pattern!r} in:\n{text}"
    return m


def summary(machine, guest):
    """Key s, as numbers by name; pages by level under "levels"."""
    text = machine.key("s")
    engine = re.search(guest + r": engine (\w+)(?:, without (\S+))?\n", text)
    pool = re.search(r"pool +(\d+) shadow pages, (\d+) in use\n", text)
    assert engine and pool, text
    numbers = {k: int(n) for k, n in re.findall(r"([a-z][a-z ]*): (\d+)", text)}
    numbers["levels"] = {int(k): int(n) for k, n in re.findall(r"level (\d): (\d+)", text)}
    numbers["leaves"] = int(re.search(r"leaves +(\d+),", text)[1])
    numbers["tracked"] = int(re.search(r"tracked +(\d+) ", text)[1])
    return engine[1], engine[2], int(pool[1]), int(pool[2]), numbers


def check_summary(machine, engine, without=None, guest=NAME, cpu="EPYC"):
    name, left_out, pool, used, s = summary(machine, guest)
    assert (name, left_out) == (engine, without)
    assert 0 < sum(s["levels"].values()) == used <= pool
    if guest == NAME:
        assert max(s["levels"]) == xihv.LEVELS.get(cpu, 4)
    assert s["leaves"] > 0 and 0 < s["writable"] <= s["leaves"]
    assert s["large"] <= s["leaves"] and s["global"] <= s["leaves"]
    # in other formats than the 64-bit one a root has up to four parts
    assert s["direct"] <= used and 1 <= s["roots in use"] <= (1 if guest == NAME else 4)
    if engine == "xi":
        assert 0 < s["tracked"] <= used - s["direct"]
        assert s["out of sync"] <= s["tracked"]
    else:
        assert s["tracked"] == s["out of sync"] == s["direct"] == 0


@pytest.mark.xdist_group("shadow-switch")
@pytest.mark.parametrize("cpu", beds.each("EPYC", "max"))
def test_engines_change_under_load(boot, cpu):
    """Round and round the engines. After each change shadows begin anew and fill again."""
    engines = xihv.engines()
    machine = start(boot, LOAD_SECONDS, cpu=cpu)
    for i in range(6):
        time.sleep(WATCH_SECONDS)
        old, new = engines[i % len(engines)], engines[(i + 1) % len(engines)]
        assert audit(machine) > 0
        check_summary(machine, old, cpu=cpu)
        answer(machine, "X", rf"{NAME}: mmu={old} before, mmu={new} from now on\n")
        audit(machine)
        assert re.search(rf"{NAME} +running .* {new} ", machine.key("g"))
    finish(machine, LOAD_SECONDS)
    machine.input_to("xihv")
    assert "no guest is running" in machine.key("s")


@pytest.mark.xdist_group("shadow-dirty")
@pytest.mark.parametrize("cpu", beds.each("EPYC", "max"))
def test_dirty_log_under_load(boot, cpu):
    """The load writes all the time, so each look finds frames, and never more than the
    guest has memory. The log goes on when the engine changes."""
    engines = xihv.engines()
    machine = start(boot, LOAD_SECONDS, cpu=cpu)
    assert "dirty log off" in machine.key("d")
    answer(machine, "D", rf"{NAME}: dirty log started\n")
    for i in range(6):
        time.sleep(WATCH_SECONDS)
        m = re.search(rf"{NAME}: (\d+) frames written, ([\d.]+) MiB in ([\d.]+) s\n",
                      machine.key("d"))
        frames, mib, written_in = int(m[1]), float(m[2]), float(m[3])
        assert 0 < frames <= xihv.GUEST_MEM_MIB * MIB // PAGE
        assert mib <= frames * PAGE / MIB < mib + 0.1001
        assert 0.9 * WATCH_SECONDS * machine.REAL_TIME < written_in < LOAD_SECONDS
        audit(machine)
        if i in (2, 4):
            old, new = engines[i // 2 - 1], engines[i // 2 % len(engines)]
            answer(machine, "X", rf"mmu={old} before, mmu={new} from now on\n")
            audit(machine)
    answer(machine, "D", rf"{NAME}: dirty log stopped\n")
    assert "dirty log off" in machine.key("d")
    audit(machine)
    finish(machine, LOAD_SECONDS)


def watched_load(boot, seconds, engine, without=None, guest=NAME, cpu="EPYC"):
    """The load beginning to end, with a look now and then."""
    words = f"mmu={engine}" + (f" without={without}" if without else "")
    machine = start(boot, seconds, words, cpu, guests=[guest])
    for _ in range(3):
        time.sleep(seconds / 5)
        check_summary(machine, engine, without, guest, cpu)
        audit(machine, [guest])
    finish(machine, seconds, [guest])
    xihv.check_figures(machine, guest)


@pytest.mark.xdist_group("shadow-load")
@pytest.mark.parametrize("cpu", ["EPYC", "max"])
def test_load_with_vtlb(boot, cpu):
    """The default engine's turn is in test_load.py."""
    watched_load(boot, 5, "vtlb", cpu=cpu)


@pytest.mark.xdist_group("shadow-load")
def test_five_levels_beside_four(boot):
    """Two guests take turns on the processor, one with CR4.LA57 and one without."""
    names = {"five": "", "four": "no5lvl"}
    modules = [m.replace("vm=deb64", f"vm={name}") for name, word in names.items()
               for m in xihv.stock_modules(mem=192, cmdline=f"{word} xihv.load=5")]
    machine = boot(modules, cpu="max", limit=400)
    machine.expect_all([r"xihv-guest: user space reached"] * 2, 240)
    machine.input_to("xihv")
    levels = [max(re.findall(r"level (\d):", line))
              for line in re.findall(r"tables .*", machine.key("s"))]
    assert levels == ["5", "4"]
    assert len(re.findall(r"audit: clean", machine.key("a"))) == 2
    machine.expect_all([rf"^\({name}\) load: [1-9]\d* rounds, 0 errors" for name in names] +
                       [rf"^{name}: ended: .*\n" for name in names], 120)
