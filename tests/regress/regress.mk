# SPDX-License-Identifier: MIT
#
# The regression load: see README.md here. Beside the stock kernels, build/regress/initrd-FLAVOUR
# holds stress-ng and the kernel's own tests.

REGRESS := $(B)/regress
REGRESS_CACHE := $(XIHV_CACHE)/regress
REGRESS_ARCHS := amd64 i386
# How many times each kernel runs the load bare; which tests (a pattern of the shell).
REGRESS_RUNS ?= 3
REGRESS_ONLY ?=

$(REGRESS)/built: $(addprefix tests/regress/,build.sh fetch.sh debs $(REGRESS_ARCHS:%=debs.%))
	@mkdir -p $(@D)
	@XIHV_CACHE='$(XIHV_CACHE)' tests/regress/fetch.sh $(REGRESS_ARCHS) source
	$(say) TESTS $(REGRESS)
	@tests/regress/build.sh '$(REGRESS_CACHE)' $(REGRESS)
	@touch $@

$(REGRESS_ARCHS:%=$(REGRESS)/load-%): $(REGRESS)/load-%: $(REGRESS)/built $(addprefix tests/regress/,pack.sh rc load)
	$(say) INITRD $@
	@tests/regress/pack.sh $* '$(REGRESS_CACHE)' $(REGRESS) $@

$(REGRESS)/initrd-amd64: $(REGRESS)/load-amd64
$(REGRESS)/initrd-686-pae $(REGRESS)/initrd-686: $(REGRESS)/load-i386
$(IMAGE_FLAVOURS:%=$(REGRESS)/initrd-%): $(REGRESS)/initrd-%: $(IMAGES_DIR)/initrd-%
	@cat $^ >$@

.PHONY: regress
regress: setup ## long: stress-ng and the kernel's own tests in all guests at once, beside bare QEMU (REGRESS_RUNS=, REGRESS_ONLY=)
	@tests/setup/setup.sh $(file <tests/regress/packages)
	@$(MAKE) --no-print-directory all images $(IMAGE_FLAVOURS:%=$(REGRESS)/initrd-%)
	@GUESTS='$(GUESTS)' REGRESS_RUNS='$(REGRESS_RUNS)' REGRESS_ONLY='$(REGRESS_ONLY)' \
		$(PYTHON) tests/regress/regress.py
