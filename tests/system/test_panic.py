# SPDX-License-Identifier: MIT
"""A mistake of the hypervisor's own is told, wherever it is made."""

import pytest

import bochs
import debugger
import xihv

UD2 = bytes.fromhex("0f0b")


@pytest.mark.parametrize("cpu", bochs.SVM_MODELS[:1])
def test_exception_while_gs_is_the_guests(boot, cpu):
    script = debugger.Debugger()
    script.run_to(debugger.symbol("hv_main"))
    script.lay_over("svm_enter.exit", UD2)
    machine = boot([xihv.tiny_module("hello")], cpu=cpu, limit=120, debugger=script.commands)
    machine.expect(r"xihv: exception 6 \(invalid opcode\)")
    machine.expect(r"backtrace:\s+ffffffff8\w+ svm_enter\+")
    machine.expect(r"xihv: halted")
