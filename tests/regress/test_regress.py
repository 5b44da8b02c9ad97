# SPDX-License-Identifier: MIT
"""What regress.py makes of what machines say: the verdict must be able to be bad."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from regress import Comparison, Ended, Entry, Outcome, follow, report  # noqa: E402

TESTS = [Entry("vm:a", "all", "test", ""), Entry("vm:b", "all", "test", ""),
         Entry("stress:t", "all", "time", ""), Entry("vm:c", "64", "test", "")]
ALL_PASS = {"vm:a": "pass", "vm:b": "pass", "stress:t": "pass"}


def outcome(results, done=True):
    o = Outcome("x")
    o.results, o.done, o.booted = results, done, True
    return o


def verdict(guest, bare, **kwargs):
    return report(TESTS, [Comparison("deb32", outcome(guest, **kwargs), [outcome(b) for b in bare])])


@pytest.mark.parametrize("guest,bare,failed", [
    (ALL_PASS, [ALL_PASS] * 3, False),
    (ALL_PASS | {"vm:a": "fail 1"}, [ALL_PASS] * 3, True),
    (ALL_PASS | {"vm:a": "skip"}, [ALL_PASS] * 3, True),
    ({"vm:b": "pass", "stress:t": "pass"}, [ALL_PASS] * 3, True),
    # once bare too: nothing is expected of the guest
    (ALL_PASS | {"vm:a": "fail 1"}, [ALL_PASS, ALL_PASS | {"vm:a": "fail 1"}, ALL_PASS], False),
    (ALL_PASS | {"stress:t": "fail 2"}, [ALL_PASS] * 3, False),
])
def test_verdict(guest, bare, failed):
    assert verdict(guest, bare) == failed


def test_a_guest_that_did_not_come_to_its_end_has_failed(capsys):
    assert verdict(ALL_PASS, [ALL_PASS], done=False)
    assert "deb32: did not come to the end of its load" in capsys.readouterr().out


class Line:
    """A machine that says this, a line at a time."""

    def __init__(self, *lines):
        self.lines = list(lines)

    def expect(self, patterns, _):
        while self.lines:
            line = self.lines.pop(0) + "\r\n"
            for self.index, p in enumerate(patterns):
                if m := re.search(p, line, re.M):
                    return m
        raise Ended("no more")


def test_each_guest_is_followed_to_its_end():
    outcomes = {g: Outcome(g) for g in ("deb32", "deb64")}
    follow(Line("(deb32) xihv-guest: user space reached, tsc 1",
                "(deb64) regress: vm:a pass, 1 s", "(deb32) regress: vm:a fail 139, 2 s",
                "(deb64) regress| regress: no result", "deb64: killed: by a test",
                "(deb32) regress: done", "deb32: ended: powered off"), outcomes)
    assert outcomes["deb64"].results == {"vm:a": "pass"} and not outcomes["deb64"].done
    assert outcomes["deb32"].results == {"vm:a": "fail 139"} and outcomes["deb32"].done
    assert outcomes["deb32"].booted and not outcomes["deb64"].booted


def test_a_bare_machine_has_no_name():
    o = Outcome("bare")
    follow(Line("regress: vm:a skip, 0 s", "[   12.345678] Kernel panic - not syncing"), {None: o})
    assert o.results == {"vm:a": "skip"} and o.gone and not o.done
