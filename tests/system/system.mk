# SPDX-License-Identifier: MIT
#
# System tests, `make run`.

# PYTEST_ARGS: for one test by hand, e.g. PYTEST_ARGS="-k reboot"
PYTEST_ARGS ?=
SYSTEM_JOBS ?= 2

.PHONY: system system-run access-full system-long
system: ## boot the real thing in QEMU and test it (one: make system PYTEST_ARGS="-k reboot")
	@$(MAKE) --no-print-directory all images tiny $(B)/model/replay
	@mkdir -p $(B)/logs
	@$(PYTHON) -m pytest -p no:cacheprovider -n $(SYSTEM_JOBS) --dist loadgroup -v \
		--durations=10 tests/system $(PYTEST_ARGS)

CHECK_STEPS += system

access-full: ## all cases of the access test, bare and with each engine (an hour or two)
	@$(MAKE) --no-print-directory all images tiny
	@mkdir -p $(B)/logs
	@ACCESS_CASES=full $(PYTHON) -m pytest -p no:cacheprovider -n $(SYSTEM_JOBS) \
		--dist loadgroup -v tests/system/test_access.py $(PYTEST_ARGS)

LOAD_SECONDS ?= 60
system-long: ## the load under each engine and with each option left out (LOAD_SECONDS=60 each)
	@$(MAKE) --no-print-directory all images tiny
	@mkdir -p $(B)/logs
	@LOAD_SECONDS=$(LOAD_SECONDS) $(PYTHON) -m pytest -p no:cacheprovider -n $(SYSTEM_JOBS) \
		--dist loadgroup -v tests/system/long_load.py $(PYTEST_ARGS)

run: setup ## boot the stock guest in QEMU: with a terminal yours to type, else its load and figures
	@$(MAKE) --no-print-directory all images
	@$(PYTHON) tests/run.py
