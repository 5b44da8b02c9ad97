#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make bench`: what xihv costs, in instructions, beside the bare machine and the peer.

The load of each stock guest (or of those in GUESTS) runs bare and with each engine (runs.py says
how it is counted); the tables lie beside the figures of Linux KVM with shadow paging, and the aims
(aims.py).

Results go to build/bench/bench.txt and to standard output.
"""

import sys
import traceback
from pathlib import Path

from aims import boot_verdict, exit_verdict, phase_verdicts
from runs import (bare_entry, bochs, exit_reasons, exits_bare, exits_on_bochs, exits_xihv, keep,
                  run_bare, run_xihv, xihv)

GUESTS = xihv.guests_wanted()
ENGINES = ["xi", "vtlb"]
BOCHS_MODELS = bochs.VMX_MODELS + bochs.SVM_MODELS[:1]
SHOWN_REASONS = ["page_fault", "invlpg", "cr_write", "interrupt", "io"]
PAGING_MODES = ["32", "pae", "long"]

NOTES = """
The peer's program is not ours, and the kernels differ by a few updates, so its bare figures are
not the bare figures here; ratios and extra instructions are each side's own. Known differences:
in `cow` our child reads a page before it writes it, and our parent checks all pages afterwards;
in `map` each page is read back before it is unmapped; `exec` runs a program without a C library.
xi x bare and vtlb x bare: against the bare run here. The peer's: against its own.
Boot is counted from the kernel's entry: bare it is the TSC in user space less the TSC at the
32-bit entry (a copy of the kernel whose code behind the real-mode part only prints it), under xihv
the guest's TSC, which is 0 when the guest starts at its kernel's 32- or 64-bit entry. The two
machines do not have the same devices to probe, and what their kernels wait for (calibration of
timers, probing) counts too: a ratio below 1 is that, not speed. The peer's boot is from its VMM's
start, BIOS included, and so comparable only in its exits. A 32-bit kernel checks the PM timer's
rate for 30 ms, in which it reads port 0x61 all the time: 75 thousand exits of its boot."""


def read_peer(guest):
    """What was measured: {phase: (bare, instructions, exits)}."""
    peer = {}
    for line in (Path(__file__).parent / "peer-kvm-npt0.txt").read_text().splitlines():
        words = line.split("#")[0].split()
        if words and words[0] == guest:
            peer[words[1]] = [float(w) for w in words[2:]]
    return peer


def peer_columns(peer):
    if not peer:
        return f"{'-':>9}{'-':>12}"
    peer_bare, peer_all, peer_exits = peer
    return f"{peer_all / peer_bare:9.2f}{peer_exits:12,.2f}"


def row(name, bare, engines, peer):
    """`engines`: (instructions, exits) of each."""
    return (f"{name:10}{bare:15,.0f}"
            + "".join(f"{ticks / bare:9.2f}{exits:12,.2f}" for ticks, exits in engines)
            + peer_columns(peer.get(name)))


def phase_table(guest, bare, runs, peer, bare_from_entry):
    lines = [f"Instructions and exits a unit of work, stock {xihv.STOCK[guest]} guest, 256 MiB, "
             "one vCPU",
             f"{'':10}{'bare':>15}" + "".join(f"{e + ' x':>9}{'exits':>12}" for e in runs)
             + f"{'KVM x':>9}{'exits':>12}"]
    for p in bare.ticks:
        engines = [(r.per_unit(p), r.exits_per_unit(p)) for r in runs.values()]
        lines.append(row(p, bare.per_unit(p), engines, peer))
    lines.append(row("boot", bare_from_entry,
                     [(r.boot, r.boot_exits) for r in runs.values()], peer))
    lines.append(row("phases", bare.total(), [(r.total(), r.total_exits())
                                              for r in runs.values()], peer))
    lines.append("phases: the sum of all, each with its number of units; the peer's numbers are "
                 "others")
    return lines


def reason_table(name, under):
    names = exit_reasons()
    lines = ["", f"Exits a unit by reason, engine {name}",
             f"{'':10}" + "".join(f"{r:>14}" for r in SHOWN_REASONS) + f"{'others':>14}"]
    for phase, counts in under.exits.items():
        by_name = dict(zip(names, counts))
        shown = [by_name.pop(r) for r in SHOWN_REASONS]
        lines.append(f"{phase:10}" + "".join(f"{n / under.units[phase]:14,.2f}"
                                             for n in shown + [sum(by_name.values())]))
    return lines


def exits_row(kind, bare, under):
    costs = {mode: under[mode, kind] - bare[mode, kind] for mode in PAGING_MODES}
    return (f"{kind:14}" + "".join(f"{costs[mode]:10,.0f}" for mode in PAGING_MODES)
            + exit_verdict(kind, costs)).rstrip()


def exits_table(title, bare, under):
    kinds = dict.fromkeys(kind for _, kind in under)
    return (["", f"{title}, by the guest's paging: the same loop",
             "less bare, so the world switch and what the guest faults in again are in it",
             f"{'':14}" + "".join(f"{mode:>10}" for mode in PAGING_MODES) + f"{'aim':>8}"]
            + [exits_row(kind, bare, under) for kind in kinds])


def guest_tables(guest):
    peer, bare = read_peer(guest), run_bare(guest)
    bare_from_entry = bare.boot - bare_entry(guest)
    runs = {e: run_xihv(f"{guest}-{e}", f"mmu={e}", guest) for e in ENGINES}
    lines = phase_table(guest, bare, runs, peer, bare_from_entry)
    lines += phase_verdicts(bare, runs["xi"], peer) + boot_verdict(bare_from_entry, runs, peer)
    for name, run in runs.items():
        lines += reason_table(name, run)
    return lines + [""]


def main():
    lines = [line for guest in GUESTS for line in guest_tables(guest)]
    tiny_bare = exits_bare()
    for name in ENGINES:
        lines += exits_table(f"Instructions that one exit adds, engine {name}", tiny_bare,
                             exits_xihv(name))
    for model in BOCHS_MODELS:
        lines += exits_table(f"Ticks that one exit adds on Bochs' {model}, engine xi",
                             exits_on_bochs(model), exits_on_bochs(model, "xi"))
    text = "\n".join(lines) + "\n" + NOTES + "\n"
    print("\n" + text)
    keep("bench.txt", text)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AssertionError as e:
        traceback.print_exc()
        print(f"bench: failed: {e or 'a check did not hold, see above'}", file=sys.stderr)
        sys.exit(1)
