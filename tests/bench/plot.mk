# SPDX-License-Identifier: MIT
#
# The host tool that plots captured tables; its tests need neither QEMU nor a built xihv.

.PHONY: tools
tools: ## test the host tools (plot_stats.py)
	@$(PYTHON) -m pytest -p no:cacheprovider tests/bench/test_plot_stats.py

CHECK_STEPS += tools
