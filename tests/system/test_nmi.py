# SPDX-License-Identifier: MIT
"""NMIs of the host, wherever they find it: told, and nobody is hurt."""

import json
import re
import socket

import pytest

import beds
import bochs
import debugger
import xihv

NMIS = 20
TOLD = r"xihv: NMI (\d+) of CPU 0 at rip ffffffff8\w+, (\S+)\+\w+\s"


class Qmp:
    """QEMU's control socket."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(str(path))
        self.file = self.sock.makefile("rw")
        self.file.readline()
        self.command("qmp_capabilities")

    def command(self, name):
        self.file.write(json.dumps({"execute": name}) + "\n")
        self.file.flush()
        while "return" not in json.loads(self.file.readline()):
            pass


def check_key(machine, number):
    """Key N sends one, which hits xihv itself."""
    machine.input_to("xihv")
    machine.send("N")
    m = machine.expect(TOLD)
    assert int(m[1]) == number and m[2] in ("nmi_key_send", "send"), m[0]  # before or behind it


def check_ends(machine, guests):
    ends = [rf"{g}: ended: debugexit code 16 " for g in guests]
    machine.expect_all([e for e in ends if not re.search(e, machine.log())])
    machine.input_to("xihv")
    assert "shadow" in machine.key("h")


def count_exits(machine):
    """Those for an NMI, of all guests."""
    rows = [line.split() for line in machine.key("e").splitlines()]
    return sum(int(row[1]) for row in rows if row[:1] == ["nmi"])


def test_from_outside_and_by_key(boot, tmp_path):
    path = tmp_path / "qmp"
    machine = boot([xihv.tiny_module(g) for g in ("exceptions", "switch")],
                   extra=["-qmp", f"unix:{path},server=on,wait=off"], limit=120)
    machine.expect(r"switch: started")
    qmp = Qmp(path)
    for _ in range(NMIS):
        qmp.command("inject-nmi")
        machine.expect(TOLD)
    check_key(machine, NMIS + 1)
    check_ends(machine, ("exceptions", "switch"))


@pytest.mark.meets(bochs.IRQ_WAITS)  # key m would wait for the guests to end
@pytest.mark.parametrize("cpu", beds.each(bochs.VMX_MODELS[0]))
def test_by_key_and_in_guest_mode(boot, cpu):
    """From key m on the tick of the 8254, which xihv has no use for, comes as an NMI."""
    script = debugger.Debugger()
    script.run_to(debugger.symbol("hv_main"))
    script.lay_over("inspect_key_memory",
                    debugger.assemble("nmi_by_pit", IOAPIC=debugger.symbol("ioapic")))
    machine = boot([xihv.tiny_module("switch", words="debugexit -- n=10")], cpu=cpu, limit=120,
                   debugger=script.commands)
    machine.expect(r"switch: started")
    check_key(machine, 1)
    machine.send("m")
    for _ in range(NMIS):
        machine.expect(TOLD)
    assert count_exits(machine) > 0
    check_ends(machine, ["switch"])
