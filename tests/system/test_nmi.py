# SPDX-License-Identifier: MIT
"""NMIs of the host, wherever they find it: told, and nobody is hurt."""

import json
import socket

import xihv

NMIS = 20


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


def test_nmis_of_the_host(boot, tmp_path):
    path = tmp_path / "qmp"
    machine = boot([xihv.tiny_module("timers"), xihv.tiny_module("switch")],
                   extra=["-qmp", f"unix:{path},server=on,wait=off"], limit=120)
    machine.expect(r"timers: started")
    qmp = Qmp(path)
    for _ in range(NMIS):
        qmp.command("inject-nmi")
        machine.expect(r"xihv: NMI at rip ffffffff8")
    machine.expect_all([rf"{g}: ended: debugexit code 16 " for g in ("timers", "switch")])
    machine.input_to("xihv")
    assert "shadow" in machine.key("h")
