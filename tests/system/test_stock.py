# SPDX-License-Identifier: MIT
"""Debian's stock kernels, one guest from its boot to its end, step by step.

The tests of this file share the guest and run in their order; one that leaves it unusable
fails the ones behind it.
"""

import re
import time

import pytest

import beds
import bochs
import xihv
from machine import Qemu, Shell

BOOT_SECONDS = 240
WARNING = 4
# Says that the machine under the emulator was busy, and nothing of either.
STALL = re.compile(r"hrtimer: interrupt took \d+ ns")

pytestmark = pytest.mark.parametrize("cpu,name", [
    *(pytest.param(*p.values, "deb64", marks=p.marks) for p in beds.each("EPYC")),
    *(pytest.param("EPYC", n, marks=pytest.mark.long) for n in ("debpae", "deb32")),
], scope="module")


@pytest.fixture(scope="module")
def guest(cpu, name):
    with xihv.start(f"stock-{name}-{cpu}", xihv.stock_modules(name, cpu=cpu),
                    cmdline="idle=poweroff", cpu=cpu, limit=900) as machine:
        shell = Shell(machine)
        shell.wait(BOOT_SECONDS)
        yield shell


@pytest.fixture
def real_time(guest):
    if not guest.machine.REAL_TIME:
        pytest.skip("the bed's clock doesn't go like ours")


def warnings_of(shell):
    """What the kernel said at warning level or above, without its time stamps."""
    lines = set()
    for line in shell.run("dmesg -r").splitlines():
        m = re.match(r"<(\d+)>\[\s*[\d.]+\] (.*)", line)
        if m and int(m[1]) & 7 <= WARNING and not STALL.match(m[2]):
            lines.add(m[2].rstrip())
    return lines


def test_root_shell(guest, name):
    assert "uid=0" in guest.run("id")
    assert guest.run("uname -m").strip() == ("x86_64" if name == "deb64" else "i686")
    assert guest.run("tty").strip() == "/dev/ttyS0"


def test_no_warnings_that_bare_qemu_lacks(guest, name, cpu):
    """A kernel warns by what processor it is on: Bochs' are old ones."""
    bare_cpu = "Nehalem" if cpu in bochs.MODELS else "EPYC"
    bare_args = xihv.machine_args(bare_cpu, xihv.GUEST_MEM_MIB) + [
        "-kernel", str(xihv.image("vmlinuz", name)), "-initrd", str(xihv.image("initrd", name)),
        "-append", "console=ttyS0"]
    with Qemu(f"stock-{name}-bare", bare_args, limit=180) as machine:
        bare = Shell(machine)
        bare.wait(120)
        on_bare = warnings_of(bare)
    new = warnings_of(guest) - on_bare
    assert not new, "at warning level or above, and not on bare QEMU:\n" + "\n".join(sorted(new))


def test_clocksource(guest):
    source = guest.run("cat /sys/devices/system/clocksource/clocksource0/current_clocksource")
    assert source.strip() in ("kvm-clock", "tsc")


@pytest.mark.usefixtures("real_time")
def test_guest_time_runs_like_the_hosts(guest):
    def both():
        return float(guest.run("cat /proc/uptime").split()[0]), time.monotonic()

    guest_start, host_start = both()
    time.sleep(10)
    guest_end, host_end = both()
    assert guest_end - guest_start == pytest.approx(host_end - host_start, abs=1.0)


@pytest.mark.usefixtures("real_time")
def test_guest_date(guest):
    assert int(guest.run("date +%s")) == pytest.approx(time.time(), abs=5)


@pytest.mark.usefixtures("real_time")
def test_timer_interrupts_come_at_their_rate(guest):
    start = time.monotonic()
    guest.run("sleep 3")
    assert 3 <= time.monotonic() - start < 6


def test_single_ctrl_a_passes_through(guest):
    guest.machine.send("read x; printf %s \"$x\" | od -An -tx1\r")
    time.sleep(1)
    guest.machine.send("\x01")
    time.sleep(0.5)
    guest.machine.send("a\x01\x01b\r")
    assert "01 61 01 01 62" in guest.machine.expect(Shell.PROMPT).before


def test_ctrl_a_three_times_goes_round(guest, name):
    machine = guest.machine
    machine.send(xihv.CTRL_A * 3)
    machine.expect(xihv.INPUT_HYPERVISOR)
    machine.send(xihv.CTRL_A * 3)
    assert machine.expect(xihv.INPUT_GUEST)[1] == name
    machine.send("\r")
    machine.expect(Shell.PROMPT)
    assert guest.run("echo back").strip() == "back"


def test_job_control(guest):
    guest.machine.send("sleep 1000\r")
    time.sleep(1)
    guest.machine.send("\x03")
    guest.machine.expect(Shell.PROMPT)


def test_long_input_line_arrives_whole(guest):
    text = "".join(chr(ord("a") + i % 26) for i in range(200))
    assert guest.run(f"echo {text}").strip() == text


def test_much_output_arrives_whole(guest):
    guest.run("dmesg -n 1")  # nothing of the kernel's between
    lines = guest.run("seq 1 5000", 60).split()
    assert lines == [str(n) for n in range(1, 5001)]


def test_load_with_checked_results(guest):
    out = guest.run("/bin/load 15", 120)
    assert re.search(r"load: [1-9]\d* rounds, 0 errors", out) and guest.status == 0, out


def figures(guest, name):
    """The checked tables of y and e; the guest has the input again behind it."""
    tables = xihv.check_figures(guest.machine, name)[name]
    guest.machine.input_to(name)
    guest.machine.send("\r")
    guest.machine.expect(Shell.PROMPT)
    return tables


def test_figures_are_true(guest, name):
    figures(guest, name)


def test_guest_can_read_its_exit_counters(guest, name):
    """What the benchmarks are made of: CPUID leaf 0x40000101, never ahead of key e."""
    seen = int(re.search(r"exits (\d+)", guest.run("/bin/load tsc"))[1])
    _, exits = figures(guest, name)
    assert 0 < seen <= sum(exits.rows.values())


def test_reboot(guest, name):
    guest.machine.send("reboot\r")
    guest.machine.expect(name + r": reset: .*\n", 60)
    guest.wait(BOOT_SECONDS)
    assert float(guest.run("cat /proc/uptime").split()[0]) < BOOT_SECONDS


def test_poweroff_ends_the_guest_and_idle_poweroff_the_machine(guest, name):
    guest.machine.send("poweroff\r")
    guest.machine.expect(name + r": ended: .*\n", 60)
    assert guest.machine.wait_end(30) == 0
