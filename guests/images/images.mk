# SPDX-License-Identifier: MIT
#
# Stock guests: Debian's kernels by package name and an initrd with busybox and our load.
# build/images/vmlinuz-FLAVOUR and build/images/initrd-FLAVOUR for FLAVOUR = amd64,
# 686-pae, 686; vmlinux-FLAVOUR is the same kernel, decompressed, for slow beds. Downloads are
# kept in $(XIHV_CACHE) and fetched once.

IMAGE_FLAVOURS := amd64 686-pae 686
IMAGES_DIR := build/images
XIHV_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/xihv

IMAGE_LOAD_SRCS := $(addprefix guests/images/,load.c phases.c smp.c sys.c)
IMAGE_ROOT := $(addprefix guests/images/,mkinitrd.sh init rc inittab profile)
# No C library: see guests/images/sys.h. Plain code: no calls that the compiler makes up.
IMAGE_CFLAGS := -std=gnu11 -O2 -static -no-pie -fno-pie -nostdlib -ffreestanding \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fno-builtin \
	-fno-tree-loop-distribute-patterns -Wall -Wextra -Werror -I.

# The guests' programs run in user space of the machine that builds them.
HOSTCC ?= gcc
# The kernel's headers are the same for both, but gcc -m32 looks for them in i386's directory,
# which only a package for 32-bit programs would make.
IMAGE_CFLAGS += -idirafter /usr/include/$(shell $(HOSTCC) -print-multiarch)

.PHONY: images $(addprefix image-,$(IMAGE_FLAVOURS))
images: $(IMAGE_FLAVOURS:%=image-%) ## fetch and build the stock guests (once, then cached)

$(IMAGE_FLAVOURS:%=image-%): image-%: $(IMAGES_DIR)/vmlinuz-% $(IMAGES_DIR)/vmlinux-% $(IMAGES_DIR)/initrd-%

# The cache decides whether anything is downloaded; what is there is only copied.
$(IMAGE_FLAVOURS:%=$(IMAGES_DIR)/%/busybox): $(IMAGES_DIR)/%/busybox: guests/images/fetch.sh
	@XIHV_CACHE='$(XIHV_CACHE)' guests/images/fetch.sh $*
	@mkdir -p $(@D)
	@cp '$(XIHV_CACHE)/$*/vmlinuz' '$(XIHV_CACHE)/$*/busybox' $(@D)/
	@touch $(@D)/vmlinuz $@

$(IMAGE_FLAVOURS:%=$(IMAGES_DIR)/vmlinuz-%): $(IMAGES_DIR)/vmlinuz-%: $(IMAGES_DIR)/%/busybox
	@cp $(<D)/vmlinuz $@

$(IMAGE_FLAVOURS:%=$(IMAGES_DIR)/vmlinux-%): $(IMAGES_DIR)/vmlinux-%: $(IMAGES_DIR)/vmlinuz-% guests/images/vmlinux.py
	@echo "  UNPACK  $@"
	@$(PYTHON) guests/images/vmlinux.py $< $@

$(IMAGES_DIR)/amd64/load: IMAGE_ARCH := -m64
$(IMAGES_DIR)/686-pae/load $(IMAGES_DIR)/686/load: IMAGE_ARCH := -m32
$(IMAGE_FLAVOURS:%=$(IMAGES_DIR)/%/load): $(IMAGE_LOAD_SRCS) $(addprefix guests/images/,phases.h smp.h sys.h)
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@$(HOSTCC) $(IMAGE_CFLAGS) $(IMAGE_ARCH) -o $@ $(IMAGE_LOAD_SRCS)

$(IMAGE_FLAVOURS:%=$(IMAGES_DIR)/initrd-%): $(IMAGES_DIR)/initrd-%: \
		$(IMAGES_DIR)/%/busybox $(IMAGES_DIR)/%/load $(IMAGE_ROOT)
	@echo "  INITRD  $@"
	@guests/images/mkinitrd.sh $(IMAGES_DIR)/$*/busybox $(IMAGES_DIR)/$*/load $@
