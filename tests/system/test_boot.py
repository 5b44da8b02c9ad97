# SPDX-License-Identifier: MIT
"""The ways in: GRUB on BIOS and on UEFI, both multiboot protocols, and processors that
xihv cannot run on. (All other tests use qemu -kernel, multiboot 1, or GRUB on Bochs' BIOS.)"""

import pytest

import beds
import xihv
from machine import Qemu

HELLO = xihv.tiny_module("hello")
HELLO_LINES = [r"hello: cmdline", r"hello: ended: .*exit status 33"]


def iso_machine(name, iso, extra=()):
    return Qemu(name, xihv.machine_args() + ["-cdrom", str(iso), "-boot", "d", *extra], 300)


@pytest.mark.parametrize("protocol", ["multiboot", "multiboot2"])
def test_grub_on_bios(protocol):
    name = f"grub-bios-{protocol}"
    iso = xihv.make_iso(name, [HELLO], "idle=poweroff", protocol)
    with iso_machine(name, iso) as machine:
        for line in HELLO_LINES:
            machine.expect(line, 90)
        assert machine.wait_end(30) == 0


@pytest.mark.parametrize("cpu", beds.each())
def test_grub_on_bochs(boot, cpu):
    machine = boot([HELLO], cmdline="idle=poweroff", cpu=cpu)
    for line in HELLO_LINES:
        machine.expect(line, 90)
    assert machine.wait_end(30) == 0


def test_grub_on_uefi():
    name = "grub-uefi"
    iso = xihv.make_iso(name, [HELLO], "idle=poweroff")
    with iso_machine(name, iso, xihv.uefi_args(name)) as machine:
        for line in HELLO_LINES:
            machine.expect(line, 150)
        assert machine.wait_end(30) == 0


def test_stock_kernel_by_grub_on_uefi():
    name = "grub-uefi-stock"
    iso = xihv.make_iso(name, xihv.stock_modules(cmdline="xihv.load=1"), "idle=poweroff")
    with iso_machine(name, iso, xihv.uefi_args(name)) as machine:
        machine.expect(r"xihv-guest: user space reached", 270)
        machine.expect(r"load: [1-9]\d* rounds, 0 errors", 60)
        assert machine.wait_end(60) == 0


@pytest.mark.parametrize("cpu,words", [
    ("qemu64,-svm", r"the processor has no SVM\r*\n.*no guest can run on this processor"),
    ("qemu32", r"xihv: .*(long mode|64-bit)"),
    ("EPYC,+svm,-nx", r"xihv: .*NX"),
], ids=["no-svm", "no-long-mode", "no-nx"])
def test_processor_that_lacks_something(boot, cpu, words):
    machine = boot([HELLO], cpu=cpu)
    machine.expect(words, 60)
