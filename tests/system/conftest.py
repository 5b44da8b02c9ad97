# SPDX-License-Identifier: MIT
"""What all system tests share."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import beds  # noqa: E402
import xihv  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "long: for make check-long")
    config.addinivalue_line("markers", "meets(fault): a fault of bochs.FAULTS, if it is there")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """The tests of a file run one after the other, unless they say that they need not. What a
    processor's fault leaves nothing of is skipped by the fault's name."""
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
        if fault := beds.fault(item):
            item.add_marker(pytest.mark.skip(fault))


@pytest.fixture(scope="session", autouse=True)
def built():
    """`make system` builds these; by hand one may forget it."""
    images = [xihv.image(what, guest) for guest in xihv.STOCK
              for what in ("vmlinuz", "vmlinux", "initrd")]
    for f in [xihv.ELF, *images]:
        if not f.exists():
            pytest.exit(f"{f} is missing: run `make all images tiny` first", 2)


@pytest.fixture
def boot(request):
    """Start xihv (xihv.start) with a log named after the test; it is ended with the test."""
    machines = []

    def start(*args, **kwargs):
        name = request.node.name.translate(str.maketrans("[]/ ", "----")).strip("-")
        if machines:
            name += f"-{len(machines) + 1}"
        machines.append(xihv.start(name, *args, **kwargs))
        return machines[-1]

    yield start
    for m in machines:
        m.close()
