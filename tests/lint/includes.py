#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who may include whom (design.md, section 1), and what a file must not contain.

Prints file:line: message for each breach; exit status 1 if there was one.
"""
import glob
import os
import re
import sys

C_STANDARD = {"stdint.h", "stddef.h", "stdbool.h", "stdarg.h"}



def hv(names):
    return {f"hv/{name}.h" for name in names.split()}


# What defines a vCPU, the vendor interface and the language around them.
HV_FOR_VENDOR = hv("compiler control_regs cpu emul emul_table errno exit_handlers line page percpu "
                   "print sched string timer vendor vm x86")
# Services, never the vendor interface: what drives a device, and what plays one to a vCPU.
HV_FOR_HOST_DRIVERS = hv("apic compiler cpu date errno irq page paging percpu print ratio sched spinlock "
                         "string timer")
HV_FOR_VIRT_DRIVERS = hv("apic compiler console date iobus page percpu spinlock string timer vcpu vm")

MMU_SEAM = {"mmu/mmu.h", "mmu/platform.h", "mmu/stats.h", "mmu/types.h"}


def allowed(room, path, inc):
    """May a file of `room` include `inc`?"""
    own = inc.startswith(room + "/")
    if room == "mmu":
        return own
    if room == "boot":
        return own or inc in MMU_SEAM or inc.startswith("hv/")
    if room in ("svm", "vmx"):
        return own or inc in MMU_SEAM or inc in HV_FOR_VENDOR
    if room == "drivers/host":
        return own or inc in ("mmu/types.h", "boot/boot_info.h") or inc in HV_FOR_HOST_DRIVERS
    if room == "drivers/virt":
        return own or inc == "mmu/types.h" or inc in HV_FOR_VIRT_DRIVERS
    if room == "guests":
        return own or inc in ("mmu/types.h", "boot/boot_info.h", "boot/multiboot1.h") \
            or re.match(r"(hv|drivers/virt)/", inc)
    if room == "hv":
        return own or inc in MMU_SEAM or re.match(r"drivers/", inc) \
            or inc == "boot/boot_info.h" or re.match(r"guests/[^/]*\.h$", inc)
    raise AssertionError(path)


def check(room, path):
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")
    if "SPDX-License-Identifier: MIT" not in lines[0]:
        yield 1, "does not open with its SPDX line"
    for n, line in enumerate(lines, 1):
        m = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if m:
            if m.group(1) == "<":
                if m.group(2) not in C_STANDARD:
                    yield n, f"<{m.group(2)}> is not freestanding C"
            elif not os.path.exists(m.group(2)):
                yield n, f"{m.group(2)}: includes are relative to the root"
            elif not allowed(room, path, m.group(2)):
                yield n, f"{room} may not include {m.group(2)}"
        if path.endswith(".c") and re.match(r"\s*#\s*(if|ifdef|ifndef|elif|else)\b", line):
            yield n, "no #if in a .c file: choose at link time or run time"
        if re.search(r"\b(TODO|FIXME|XXX)\b", line):
            yield n, "unfinished business"


def main():
    rooms = "boot hv mmu vmx svm drivers/host drivers/virt guests".split()
    files = sorted((f, r) for r in rooms for f in glob.glob(r + "/*.[ch]"))
    bad = 0
    for path, room in files:
        for n, message in check(room, path):
            print(f"{path}:{n}: {message}")
            bad += 1
    print(f"includes: {len(files)} files, {bad} breaches")
    return bad > 0


sys.exit(main())
