# SPDX-License-Identifier: MIT
"""What only VMX has: two processors with much and little of it, guests in states that it refuses,
and entries that fail. The other guests that run beside them must not mind."""

import pytest

import beds
import bochs
import debugger
import xihv

EXTRAS = {"corei7_haswell_4770": r"VMX with preemption timer, TPR shadow, .*VPIDs",
          "core2_penryn_t9600": r"VMX without preemption timer, RDTSCP, VPIDs"}
# By name of the guest: its module, and what it dies of.
KILLED = {
    "x87": (xihv.tiny_module("tss16", "x87", words="debugexit -- x87"),
            r"killed: an instruction that the emulator lacks in a state that VMX does not take \(TR "
            r"is a busy TSS, in IA-32e mode not a 16-bit one\), bytes db e3"),
    "triple-fault": (xihv.tiny_module("triple-fault"), r"killed: triple fault"),
}
PASSING = ["cr8", "msr", "privileged", "real-mode", "tss16"]


@pytest.mark.parametrize("cpu", EXTRAS)
def test_refused_states(boot, cpu):
    machine = boot([module for module, _ in KILLED.values()] +
                   [xihv.tiny_module(g) for g in PASSING], cpu=cpu)
    machine.expect(EXTRAS[cpu])
    machine.expect_all([f"{g}: {reason}" for g, (_, reason) in KILLED.items()] +
                       [f"{g}: ended: debugexit code 16 " for g in PASSING])
    assert "FAIL" not in machine.log()
    machine.input_to("xihv")
    assert "shadow" in machine.key("h")


# Fields that the stack pointer of a first entry is written to in place of its own (SDM Vol. 3C
# appendix B: pin controls, host CR0), and what VMLAUNCH says of it.
WRONG_FIELD = {0x4000: "an invalid control field", 0x6c00: "an invalid host-state field"}


def spoil_entries():
    """The first entries of three guests: two have a wrong field, one is a VMRESUME."""
    script = debugger.Debugger()
    for field in WRONG_FIELD:
        script.run_to(debugger.symbol("vmx_enter.write_rsp"))
        script.set("rax", field)
    script.run_to(debugger.symbol("vmx_enter.write_rsp"))
    script.run_to(debugger.symbol("vmx_enter.launch"))
    script.set("rip", debugger.symbol("vmx_enter.resume"))
    return script.commands


@pytest.mark.parametrize("cpu", beds.each(bochs.VMX_MODELS[0], long=bochs.VMX_MODELS))
def test_failed_entries_hurt_nobody_else(boot, cpu):
    machine = boot([xihv.tiny_module("cr8", name) for name in "abcd"], cpu=cpu,
                   debugger=spoil_entries())
    errors = [*WRONG_FIELD.values(), "VMRESUME of a VMCS that was not launched"]
    machine.expect_all([f"killed: the processor refused to enter it: {e}" for e in errors] +
                       [r"ended: debugexit code 16 "])
    machine.input_to("xihv")
    table = machine.key("g")
    assert all(e in table for e in errors)
