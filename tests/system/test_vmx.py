# SPDX-License-Identifier: MIT
"""What only VMX has: two processors with much and little of it, and guests that it refuses. The
other guests that run beside them must not mind."""

import pytest

import xihv

EXTRAS = {"corei7_haswell_4770": r"VMX with preemption timer, TPR shadow, .*VPIDs",
          "core2_penryn_t9600": r"VMX without preemption timer, RDTSCP, VPIDs"}
REFUSED = {
    "tss16": r"killed: the processor refused its state: TR is a busy TSS, in IA-32e mode not a "
             r"16-bit one",
    "real-mode": r"killed: it goes to real mode, which VMX does not have on shadow page tables",
    "triple-fault": r"killed: triple fault",
}
PASSING = ["cr8", "privileged"]


@pytest.mark.parametrize("cpu", EXTRAS)
def test_refused_guests_hurt_nobody_else(boot, cpu):
    machine = boot([xihv.tiny_module(g) for g in [*REFUSED, *PASSING]], cpu=cpu)
    machine.expect(EXTRAS[cpu])
    machine.expect_all([f"{g}: {reason}" for g, reason in REFUSED.items()] +
                       [f"{g}: ended: debugexit code 16 " for g in PASSING])
    assert "fails a check of SDM 26.3.1.2" in machine.log()
    assert "FAIL" not in machine.log()
    machine.input_to("xihv")
    assert "shadow" in machine.key("h")
