# SPDX-License-Identifier: MIT
bench: setup ## instructions and exits a phase of the load, beside bare QEMU and the peer
	@$(MAKE) --no-print-directory all images tiny
	@$(PYTHON) tests/bench/bench.py
