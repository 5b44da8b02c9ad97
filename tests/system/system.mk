# SPDX-License-Identifier: MIT
#
# System tests, `make run`.

# PYTEST_ARGS: for one test by hand, e.g. PYTEST_ARGS="-k reboot"
PYTEST_ARGS ?=
SYSTEM_JOBS ?= 2

.PHONY: system system-beds access-full system-long check-long
PYTEST := $(PYTHON) -m pytest -p no:cacheprovider -n $(SYSTEM_JOBS) --dist loadgroup -v
system: ## boot the real thing in QEMU and test it (one: make system PYTEST_ARGS="-k reboot")
	@$(MAKE) --no-print-directory all images tiny $(B)/model/replay
	@mkdir -p $(B)/logs
	@$(PYTEST) -m "not long" --durations=10 tests/system $(PYTEST_ARGS)

CHECK_STEPS += system

system-beds: ## the system tests on every processor model of Bochs (one: PYTEST_ARGS="-k trinity_apu")
	@$(MAKE) --no-print-directory all images tiny
	@mkdir -p $(B)/logs
	@$(PYTEST) -m long tests/system $(PYTEST_ARGS)

check-long: setup ## what `make check` leaves out: every model of Bochs, the long loads (hours)
	@MAKE='$(MAKE)' tests/check.sh all system-beds system-long

access-full: ## all cases of the access test, bare and with each engine (an hour or two)
	@$(MAKE) --no-print-directory all images tiny
	@mkdir -p $(B)/logs
	@ACCESS_CASES=full $(PYTEST) -m "not long" tests/system/test_access.py $(PYTEST_ARGS)

LOAD_SECONDS ?= 60
SOAK_SECONDS ?= 3600
RESTARTS ?= 100
system-long: ## the load under each engine and with each option left out (LOAD_SECONDS=60 each), SOAK_SECONDS=3600 of all guests at once, RESTARTS=100
	@$(MAKE) --no-print-directory all images tiny
	@mkdir -p $(B)/logs
	@LOAD_SECONDS=$(LOAD_SECONDS) SOAK_SECONDS=$(SOAK_SECONDS) RESTARTS=$(RESTARTS) \
		$(PYTEST) tests/system/long_load.py $(PYTEST_ARGS)

# BED=qemu or bochs; MODEL: one of the bed's processors (xihv.CPUS, bochs.MODELS), the first if
# none; GUESTS: which of the stock guests (xihv.STOCK), all if none; VCPUS: of each (2, on Bochs 1);
# HOST_CPUS: of QEMU (2)
BED ?= qemu
MODEL ?=
GUESTS ?=
VCPUS ?=
HOST_CPUS ?=
run: setup ## boot the stock guests in QEMU (BED=bochs: in Bochs): with a terminal yours to type, else their load and figures
	@$(MAKE) --no-print-directory all images
	@MAKE='$(MAKE)' BED='$(BED)' MODEL='$(MODEL)' GUESTS='$(GUESTS)' VCPUS='$(VCPUS)' \
		HOST_CPUS='$(HOST_CPUS)' $(PYTHON) tests/run.py
