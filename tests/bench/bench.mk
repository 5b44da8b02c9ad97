# SPDX-License-Identifier: MIT
BENCH_ENTRY := $(B)/bench/entry.bin

$(BENCH_ENTRY): tests/bench/entry.asm
	@mkdir -p $(@D)
	$(say) NASM $<
	$(Q)$(NASM) -f bin -w+all -o $@ $<

.PHONY: bench-options bench-pv bench-smp
bench: setup ## instructions and exits a phase of the load, beside bare QEMU and the peer
	@$(MAKE) --no-print-directory all images tiny $(BENCH_ENTRY)
	@GUESTS='$(GUESTS)' $(PYTHON) tests/bench/bench.py

bench-options: setup ## long: what each option of the engine xi is worth, left out alone
	@$(MAKE) --no-print-directory all images
	@$(PYTHON) tests/bench/bench_options.py

bench-pv: setup ## long: what each paravirtual feature is worth, four vCPUs on one CPU
	@$(MAKE) --no-print-directory all images
	@$(PYTHON) tests/bench/bench_pv.py

bench-smp: setup ## long: wall time of two vCPUs on two CPUs, beside bare QEMU (GUESTS=, ROUNDS=)
	@$(MAKE) --no-print-directory all images
	@GUESTS='$(GUESTS)' ROUNDS='$(or $(ROUNDS),3)' $(PYTHON) tests/bench/bench_smp.py
