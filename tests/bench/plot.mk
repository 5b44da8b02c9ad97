# SPDX-License-Identifier: MIT
#
# The host tool that plots captured tables, and the verdict of the regression load; their tests need
# neither QEMU nor a built xihv.

.PHONY: tools
tools: ## test the host tools (plot_stats.py, regress.py)
	@$(PYTHON) -m pytest -p no:cacheprovider tests/bench/test_plot_stats.py tests/regress/test_regress.py

CHECK_STEPS += tools
