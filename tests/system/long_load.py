# SPDX-License-Identifier: MIT
"""`make system-long`: the checked load of each stock guest under each engine, of all of them at
once, and under xi with each option alone left out, watched by keys s and a; a hundred restarts. No
part of `make check`: its name keeps it out."""

import os

import pytest

import xihv
from test_guests import watched_loads
from test_shadow import watched_load
from test_smp import killed_and_started_again

SECONDS = int(os.environ.get("LOAD_SECONDS", "60"))


def each(names):
    """Free to run beside each other (conftest.py)."""
    return [pytest.param(n, marks=pytest.mark.xdist_group(f"long-{n}")) for n in names]


@pytest.mark.parametrize("guest", each(xihv.STOCK))
@pytest.mark.parametrize("engine", xihv.engines())
def test_engine(boot, guest, engine):
    watched_load(boot, SECONDS, engine, guest=guest)


@pytest.mark.parametrize("engine", each(xihv.engines()))
def test_all_guests_at_once(boot, engine):
    watched_loads(boot, SECONDS, engine)


def test_soak(boot):
    """All of them, with all vCPUs' clocks checked against each other, for SOAK_SECONDS: an hour."""
    watched_loads(boot, int(os.environ.get("SOAK_SECONDS", "3600")), xihv.engines()[0])


@pytest.mark.parametrize("options", each(xihv.options() + ["+".join(xihv.options())]))
def test_without(boot, options):
    """Each option alone, and all of them."""
    watched_load(boot, SECONDS, "xi", options)


def test_restarts(boot):
    """A guest killed at any moment and started again, RESTARTS times."""
    killed_and_started_again(boot, int(os.environ.get("RESTARTS", "100")), 2)
