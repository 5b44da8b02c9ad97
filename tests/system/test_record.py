# SPDX-License-Identifier: MIT
"""The flight recorder of a stock guest: on, a short load, dumped, off; the models replay the dump."""

import os
import re
import subprocess

import pytest

import xihv
from machine import Shell

NAME = "deb64"
REPLAY = xihv.BUILD / "model" / "replay"
DUMP_SECONDS = 60


@pytest.fixture(scope="module", params=["EPYC", "max"])
def recording(request):
    """A file with the lines between the two that tell how many records there are."""
    cpu = request.param
    with xihv.Xihv(f"record-{cpu}", xihv.stock_modules(NAME, mem=192), cpu=cpu,
                   limit=240) as machine:
        shell = Shell(machine)
        shell.wait(120)
        machine.input_to("xihv")
        machine.send("F1")
        machine.expect(NAME + r": flight recorder on\r*\n")
        machine.input_to(NAME)
        machine.send("\r")
        machine.expect(Shell.PROMPT)
        assert "0 errors" in shell.run("/bin/load 2", 60)
        machine.input_to("xihv")
        machine.send("f1")
        said = int(machine.expect(NAME + r": flight recorder: (\d+) records\r*\n")[1])
        lines = machine.expect(rf"{NAME}: flight recorder: end of {said} records\r*\n",
                               DUMP_SECONDS).before
        machine.send("F1")
        machine.expect(NAME + r": flight recorder off\r*\n")
    records = re.findall(r"^mmu-rec [0-9a-f]+\r*$", lines, re.M)
    assert len(records) == said + 1 > 1000, "the head and all records, whole"
    path = xihv.BUILD / "logs" / f"record-{cpu}.rec"
    path.write_text("\n".join(records) + "\n")
    return path


@pytest.mark.parametrize("engine", xihv.engines())
def test_dump_replays_without_a_difference(recording, engine):
    run = subprocess.run([REPLAY, recording], env=dict(os.environ, MMU_ENGINE=engine),
                         capture_output=True, text=True, timeout=60)
    last = run.stdout.splitlines()[-1]
    assert run.returncode == 0 and last.endswith("no difference"), run.stdout[-2000:]
