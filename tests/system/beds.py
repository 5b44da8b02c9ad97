# SPDX-License-Identifier: MIT
"""Which processors, and so which beds, a test is run on: those of `make check`, and the models of
Bochs that only `make check-long` takes (mark "long")."""

import pytest

import bochs


def _param(cpu, *marks):
    """Machines that a test shares run beside those of other processors (conftest.py)."""
    if cpu in bochs.MODELS:
        marks += (pytest.mark.xdist_group(f"bochs-{cpu}"),)
    return pytest.param(cpu, marks=marks)


def each(*always, long=bochs.MODELS):
    """Parameters for `cpu`: these always, the others in `make check-long`."""
    return [_param(c) for c in always] + \
           [_param(c, pytest.mark.long) for c in long if c not in always]


def fault(item):
    """What the processor of this test does wrong that the test cannot do without, or None."""
    params = item.callspec.params.values() if hasattr(item, "callspec") else ()
    faults = [(cpu, f) for cpu in bochs.MODELS if cpu in params for f in bochs.FAULTS[cpu]]
    met = {f for mark in item.iter_markers("meets") for f in mark.args}
    return next((f"{cpu}: {f}" for cpu, f in faults if f in met), None)
