# SPDX-License-Identifier: MIT
"""Mistakes in the loader's lines and guests that misbehave: each gives a clear message that
names the guest, and xihv's console lives on."""

import functools
import time

import pytest

import beds
import bochs
import xihv


@pytest.fixture(params=beds.each("EPYC"))
def boot(boot, request):
    """On each bed."""
    return functools.partial(boot, cpu=request.param)


def check_console(machine):
    """The hypervisor answers a key. (Without guests it has the input from the start, and
    ^a^a^a moves from it to itself.)"""
    machine.input_to("xihv")
    assert "shadow" in machine.key("h")


def stock(**kwargs):
    return xihv.stock_modules("deb64", **kwargs)


HELLO = xihv.tiny_module("hello")
KERNEL = xihv.image("vmlinuz")

BAD_LINES = {
    "no-modules": ([], r"no guest to start: give module lines"),
    "initrd-without-kernel": (stock()[1:], r"initrd vm=deb64.*: expected the vm= of a kernel"),
    "unknown-word": (stock(words="colour=red"), r'word "colour=red": expected '),
    "bad-size": (stock(mem="lots"), r'word "mem=lotsM": expected a size'),
    "no-name": ([f"{KERNEL} kernel mem=64M"], r"expected vm=NAME"),
    "no-role": ([f"{KERNEL} vm=deb64 mem=64M"], r"expected .*kernel, initrd or module"),
    "no-kernel-at-all": ([f"{xihv.image('initrd')} kernel vm=deb64 mem=256M"],
                         r"deb64: not started: "),
    "too-little-for-the-kernel": (stock(mem=16), r"deb64: not started: too little memory"),
    "more-than-the-host-has": (stock(mem=4096), r"deb64: not started: too little memory"),
}

# Files that are no kernel, or only the beginning of one: what is made of the stock kernel's
# bytes, and what is said about it.
BAD_FILES = {
    "empty": (lambda kernel: b"", r'bad.*: its file is empty: expected '),
    "text": (lambda kernel: b"this is no kernel\n" * 100,
             r"bad: not started: its kernel is neither a bzImage nor a multiboot kernel nor an ELF file"),
    "program": (lambda kernel: (xihv.IMAGES / "amd64/load").read_bytes(),
                r"bad: not started: its kernel is an ELF file without a multiboot header or"),
    "cut-in-the-header": (lambda kernel: kernel[:600],
                          r"bad: not started: its kernel is broken: the setup header is cut"),
    "cut-in-the-setup-code": (lambda kernel: kernel[:9000],
                              r"bad: not started: its kernel is broken: the file ends after 9000"),
    "cut-in-the-middle": (lambda kernel: kernel[:len(kernel) // 2],
                          r"bad: not started: its kernel is broken: its file has \d+ bytes"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_file_and_the_other_guest_still_starts(boot, tmp_path, case):
    make, message = BAD_FILES[case]
    (tmp_path / "bad").write_bytes(make(KERNEL.read_bytes()))
    machine = boot([f"{tmp_path}/bad kernel vm=bad mem=128M", HELLO], limit=120)
    machine.expect_all([message, r"hello: ended: .*exit status 33"])
    check_console(machine)


def test_lines_with_mistakes_take_no_place_of_right_ones(boot):
    wrong = [xihv.tiny_module("hello", f"w{i}", mem=9) for i in range(8)]
    machine = boot(wrong + [HELLO], limit=120)
    machine.expect(r'word "mem=9M": expected a multiple of 2M', 60)
    machine.expect(r"hello: ended: .*exit status 33", 60)
    check_console(machine)


@pytest.mark.parametrize("case", BAD_LINES)
def test_bad_line_and_the_other_guest_still_starts(boot, case):
    modules, message = BAD_LINES[case]
    others = [HELLO] if modules else []
    machine = boot(modules + others, limit=120)
    machine.expect(message, 60)
    if others:
        machine.expect(r"hello: ended: .*exit status 33", 60)
    check_console(machine)


def test_memory_that_ends_anywhere_in_a_start(boot):
    """Seven guests that take all that is free, and 2 MiB less each: what fails is their RAM, or one
    after the other the pieces of their shadows. All say so, and the last guest has its memory."""
    machine = boot([], limit=120)
    free = int(machine.expect(r"memory: (\d+) MiB free", 60)[1]) & ~1
    machine.close()
    greedy = {f"g{i}": free - 2 * i for i in range(7)}
    machine = boot([xihv.tiny_module("hello", n, mem=mem) for n, mem in greedy.items()] + [HELLO],
                   limit=120)
    machine.expect_all([rf"{n}: not started: too little memory" for n in greedy] +
                       [r"hello: ended: .*exit status 33"], 100)
    check_console(machine)


def test_unknown_word_on_xihvs_own_line(boot):
    machine = boot([HELLO], cmdline="console=com1,115200 colour=red", limit=120)
    machine.expect(r'word "colour=red": expected ', 60)
    machine.expect(r"hello: ended: .*\n", 60)
    check_console(machine)


def test_own_line_that_is_too_long(boot):
    machine = boot([HELLO], cmdline=xihv.CMDLINE + " idle=stay" * 110, limit=120)
    machine.expect(r"command line: longer than 1023 characters, the rest is left out", 60)
    machine.expect(r"hello: ended: .*\n", 60)
    check_console(machine)


@pytest.mark.parametrize("guest,message", [
    pytest.param("triple-fault", r"triple-fault: (killed|ended): .*(triple fault|shutdown)",
                 marks=pytest.mark.meets(bochs.NO_SHUTDOWN)),
    ("hole", r"hole: killed: .*d0000000"),
    ("mmio-odd", r"mmio-odd: killed: .* 0xfee00080 \(a device\), bytes 0f 29( [0-9a-f]{2}){6}\r*\n"),
    ("stack-in-hole", r"stack-in-hole: killed: .*vector 0x6 .*d0000"),
], ids=["triple-fault", "hole", "mmio-odd", "stack-in-hole"])
def test_guest_that_breaks_a_rule_dies_alone(boot, guest, message):
    machine = boot([xihv.tiny_module(guest), xihv.tiny_module("hello")], limit=120)
    machine.expect_all([message, guest + r": vCPU 0 rip 0x[0-9a-f]+ .*cr3 0x",
                        r"hello: ended: .*exit status 33"])
    check_console(machine)
    assert "FAIL" not in machine.log()


def test_write_to_rom_is_ignored_counted_and_said_once(boot):
    machine = boot([xihv.tiny_module("rom-write")], limit=120)
    machine.expect(r"rom-write: a write to ROM at 0x[0-9a-f]+ is ignored", 60)
    machine.expect(r"rom-write: ended: .*\n", 60)
    check_console(machine)
    # The ways of rom-write.c: six of one write, two of sixteen, push and call, cmpxchg
    # (which writes whether it succeeds or not) twice, a hundred.
    assert "writes to ROM %d," % (5 + 2 * 16 + 2 + 2 + 100) in machine.key("g")
    log = machine.log()
    assert "FAIL" not in log
    assert log.count("a write to ROM at") == 1


def test_port_0xf4_without_debugexit_is_nothing(boot):
    machine = boot([xihv.tiny_module("hello", words="")], limit=120)
    machine.expect(r"hello: vCPU 0 halted with interrupts off", 60)
    machine.input_to("xihv")
    assert "running" in machine.key("g")
    machine.send("k")
    machine.expect(r"kill which guest\? 1 hello", 20)
    machine.send("1")
    machine.expect(r"hello: ended: killed from the console", 20)
    check_console(machine)


def test_keys_answer_while_a_guest_prints(boot):
    machine = boot([xihv.tiny_module("flood")], limit=120)
    machine.expect(xihv.INPUT_GUEST, 60)
    machine.expect(r"flood: line 1000 ", 60)
    machine.input_to("xihv")
    answers = {"y": "pfault", "Y": "cleared", "e": "total", "E": "cleared", "o": "# EOF",
               "g": "running", "r": "rip", "m": "MiB free", "h": "shadow", "p": "hidden"}
    for key, answer in answers.items():
        assert answer in machine.key(key), key
    machine.input_to("flood")
    machine.expect(r"^flood: line \d+ .*\n", 20)
    machine.input_to("xihv")
    machine.send("q")
    assert machine.wait_end(30) == 0


def start_again(machine):
    """Keys n and 1. Just after the message of its end a guest may still be on its way out."""
    for _ in range(20):
        machine.send("n")
        machine.expect([r"start which guest\?", r"no guest to start"], 20)
        if machine.index == 0:
            machine.send("1")
            return
        time.sleep(0.2)
    raise AssertionError("the ended guest is never offered to be started")


@pytest.mark.meets(bochs.NO_SHUTDOWN)
def test_killed_guest_starts_again_by_key(boot):
    machine = boot([xihv.tiny_module("triple-fault")], limit=120)
    machine.expect(r"triple-fault: killed: ", 60)
    machine.input_to("xihv")
    for _ in range(10):
        start_again(machine)
        machine.expect(r"triple-fault: started", 20)
        machine.expect(r"triple-fault: killed: ", 20)
    check_console(machine)
