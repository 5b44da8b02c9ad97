# SPDX-License-Identifier: MIT
"""xihv on Bochs."""

import pytest

import bochs
import xihv


@pytest.mark.parametrize("cpu", bochs.SVM_MODELS)
def test_hello(boot, cpu):
    machine = boot([xihv.tiny_module("hello")], cpu=cpu, cmdline="idle=poweroff")
    machine.expect(r"hello: cmdline", 90)
    machine.expect(r"hello: ended: .*exit status 33")
    assert machine.wait_end(30) == 0
