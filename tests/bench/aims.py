# SPDX-License-Identifier: MIT
"""What is aimed at, and the verdicts.

One exit (exits-bench): instructions from exit to entry, with statistics. A phase: as many
exits as the peer and 2 % for timer ticks, half as many where the engine is meant to save
them, an eighth of the instructions that the peer adds to its bare machine's.
"""

PAE = "pae"
LOOKED_AT = 7 * 5  # the other entries of the cache line, by 5 instructions
COMPARE = 1500  # one out-of-sync table

# kind of exit: instructions; the second number is what PAE may take more, for its PDPTEs
EXIT_AIMS = {"pf-hidden": (600 + LOOKED_AT, 0), "pf-reflected": (500, 0), "cr3-reload": (400, 80),
             "cr3-oos": (400 + COMPARE, 80), "invlpg": (400, 0), "cpuid": (300, 0)}

PEER_SLACK = 1.02
PEER_DIGITS = 2  # of its exits: fewer than 0.005 are none
HALVED = {"fork", "exec", "cow", "mprotect"}
EXITS_PER_DEMAND_FAULT = 2  # reflected, and filled once the guest has mapped the page
EXTRA_SHARE = 1 / 8
BOOT_TIMES_BARE = 1.03


def verdict(n, aim):
    if n <= aim:
        return "met"
    return f"{n / aim:.2f} x the aim" if aim else "not met"


def exit_aim(kind, mode):
    instructions, more_in_pae = EXIT_AIMS[kind]
    return instructions + (more_in_pae if mode == PAE else 0)


def exit_verdict(kind, costs):
    """`costs`: instructions by paging mode; the worst of them counts."""
    if kind not in EXIT_AIMS:
        return ""
    worst = max(costs, key=lambda mode: costs[mode] / exit_aim(kind, mode))
    return f"{EXIT_AIMS[kind][0]:8,}  {verdict(costs[worst], exit_aim(kind, worst))}"


def half_verdict(phase, exits, peer_exits, faults):
    """The floor stands where half of the peer's exits would be below it."""
    if phase not in HALVED:
        return f"{'':>10}  {'':15}"
    floor = EXITS_PER_DEMAND_FAULT * faults
    aim, mark = (floor, "f") if floor > peer_exits / 2 else (peer_exits / 2, " ")
    return f"{aim:9,.2f}{mark}  {verdict(exits, aim):15}"


def phase_verdict(phase, bare, under, peer):
    peer_bare, peer_all, peer_exits = peer[phase]
    exits = round(under.exits_per_unit(phase), PEER_DIGITS)
    extra = under.per_unit(phase) - bare.per_unit(phase)
    exits_aim, extra_aim = peer_exits * PEER_SLACK, (peer_all - peer_bare) * EXTRA_SHARE
    return (f"{phase:10}{exits:10,.2f}{exits_aim:10,.2f}  {verdict(exits, exits_aim):15}"
            f"{half_verdict(phase, exits, peer_exits, bare.faults_per_unit(phase))}"
            f"{extra:13,.1f}{extra_aim:13,.1f}  {verdict(extra, extra_aim)}")


def phase_verdicts(bare, under, peer):
    return ["", "Engine xi and its aims, a unit of work",
            f"{'':10}{'exits':>10}{'peer+2%':>10}  {'':15}{'half':>10}  {'':15}"
            f"{'extra instr.':>13}{'a peer 8th':>13}",
            *(phase_verdict(p, bare, under, peer) for p in bare.ticks if p in peer),
            "f: two exits for each of the guest's own page faults (minor faults that its kernel "
            "counts, bare),", "where that is more than half the peer's exits"]


def boot_verdict(bare_from_entry, runs, peer):
    aims, exits_aim = f"aims {BOOT_TIMES_BARE} x bare", None
    if "boot" in peer:
        exits_aim = peer["boot"][2] * PEER_SLACK
        aims += f" and {exits_aim:,.0f} exits (peer+2%)"
    lines = ["", f"Kernel's entry to user space: bare {bare_from_entry:,}, {aims}"]
    for name, run in runs.items():
        times = run.boot / bare_from_entry
        lines.append(f"{name:10}{run.boot:,}, {times:.3f} x bare: "
                     f"{verdict(times, BOOT_TIMES_BARE)}; {run.boot_exits:,} exits"
                     + (f": {verdict(run.boot_exits, exits_aim)}" if exits_aim else ""))
    return lines
