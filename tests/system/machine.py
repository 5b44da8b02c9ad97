# SPDX-License-Identifier: MIT
"""An emulated machine that a test talks to over its serial line.

Everything has a time limit; one that runs out is reported as a hang with the tail of the
log. The emulator is ended by its own process id in every case. Logs are kept in build/logs.
"""

import os
import re
import shlex
import signal
import time
from pathlib import Path

import pexpect

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
LOGS = BUILD / "logs"
TAIL_LINES = 40


class Hang(AssertionError):
    """What was waited for did not come in time."""


class Ended(AssertionError):
    """The emulator ended before what was waited for."""


def quote_initrd(modules):
    """QEMU's list of multiboot modules: "FILE words,FILE words", commas doubled."""
    return ",".join(m.replace(",", ",,") for m in modules)


def console_args():
    """The serial line on standard input and output, every byte of it: Ctrl-A too."""
    return ["-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none",
            "-chardev", "stdio,id=com1,signal=off", "-serial", "chardev:com1"]


class Machine:
    """One run of an emulator. Use as a context manager."""

    # How much longer everything takes than on QEMU; all time limits are made so much longer.
    SLOWNESS = 1
    # Its clock goes like ours.
    REAL_TIME = True

    def __init__(self, name, command, limit=600):
        """`command`: the emulator with its arguments; the serial line is its terminal.
        `limit`: seconds that the machine may live, whatever it is doing."""
        LOGS.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.log_path = LOGS / f"{name}.log"
        self.deadline = time.monotonic() + limit * self.SLOWNESS
        self._log = open(self.log_path, "wb")
        self._log.write((shlex.join(command) + "\n").encode())
        self._log.flush()
        self.child = pexpect.spawn(command[0], command[1:], timeout=60, echo=False,
                                   maxread=65536, dimensions=(50, 200))
        self.child.delaybeforesend = None
        self.child.logfile_read = self._log

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- waiting ----------------------------------------------------------------------

    def _tail(self):
        self._log.flush()
        text = self.log_path.read_bytes().decode(errors="replace").replace("\r", "")
        return "\n".join(text.splitlines()[-TAIL_LINES:])

    def _left(self, timeout):
        """Seconds that may be waited, of those that were asked for."""
        return max(min(timeout * self.SLOWNESS, self.deadline - time.monotonic()), 0)

    def expect(self, pattern, timeout=60):
        """Wait for a regular expression (or the first of a list); its match object.
        The match's .index is the number of the pattern in a list."""
        patterns = [pattern] if isinstance(pattern, str) else list(pattern)
        left = self._left(timeout)
        which = self.child.expect([pexpect.TIMEOUT, pexpect.EOF] +
                                  [re.compile(p.encode(), re.M) for p in patterns],
                                  timeout=left)
        if which == 0:
            raise Hang(f"{self.name}: hang: waited {left:.0f} s for {patterns}; "
                       f"end of {self.log_path}:\n{self._tail()}")
        if which == 1:
            raise Ended(f"{self.name}: the emulator ended while waiting for {patterns}; "
                        f"end of {self.log_path}:\n{self._tail()}")
        self.index = which - 2
        return Match(self.child.match, self.child.before)

    def expect_all(self, patterns, timeout=60):
        """Wait for each of these regular expressions, in whatever order they come."""
        left = list(patterns)
        while left:
            self.expect(left, timeout)
            del left[self.index]

    def wait_end(self, timeout=60):
        """Wait until the emulator has ended by itself; its exit status."""
        left = self._left(timeout)
        try:
            self.child.expect(pexpect.EOF, timeout=left)
        except pexpect.TIMEOUT:
            raise Hang(f"{self.name}: the emulator did not end within {left:.0f} s:\n"
                       f"{self._tail()}") from None
        self.rest = text_of(self.child.before or b"")
        self.child.wait()
        return self.child.exitstatus

    def alive(self):
        return self.child.isalive()

    # --- talking ----------------------------------------------------------------------

    def send(self, text):
        self.child.send(text.encode() if isinstance(text, str) else text)

    def close(self):
        """End the emulator if it still runs."""
        if self.child.pid and self.child.isalive():
            os.kill(self.child.pid, signal.SIGKILL)
            self.child.wait() # a busy machine takes its time
        self.child.close(force=True)
        self._log.close()

    def log(self):
        """Everything that came so far, as text without carriage returns."""
        self._log.flush()
        return text_of(self.log_path.read_bytes())


class Qemu(Machine):
    """One run of QEMU with these arguments."""

    def __init__(self, name, args, limit=600):
        super().__init__(name, ["qemu-system-x86_64"] + console_args() + args, limit)


class Match:
    """A match on the serial line, as text."""

    def __init__(self, match, before):
        self.before = text_of(before)
        self._match = match

    def __getitem__(self, group):
        value = self._match.group(group)
        return None if value is None else text_of(value)


def text_of(data):
    return data.decode(errors="replace").replace("\r", "")


class Shell:
    """The guests' shell (guests/images) on a machine's serial line."""

    PROMPT = r"guest# "

    def __init__(self, machine):
        self.machine = machine

    def wait(self, timeout=120):
        """From power-on to the prompt."""
        self.machine.expect(r"xihv-guest: user space reached", timeout)
        self.machine.expect(self.PROMPT, timeout)

    def run(self, command, timeout=30):
        """Run one command; its output."""
        # The echo of what is typed must not look like the marks.
        self.machine.send(f"echo =''[; {command}; echo ]''=$?\r")
        self.machine.expect(r"=\[\r*\n", timeout)
        out = self.machine.expect(r"\]=(\d+)\r*\n", timeout)
        self.machine.expect(self.PROMPT, timeout)
        self.status = int(out[1])
        return out.before
