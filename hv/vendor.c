/* SPDX-License-Identifier: MIT */
/* The choice of the virtualization extension. `vendor` is written once, at boot. */
#include "hv/vendor.h"

#include "hv/errno.h"
#include "hv/print.h"

const struct vendor_ops *vendor;

static const struct vendor_ops *const back_ends[] = { &svm_ops };

int vendor_init(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(back_ends); i++) {
		const struct vendor_ops *ops = back_ends[i];
		const char *why;

		if (!ops->usable(&why)) {
			printk("%s: %s\n", ops->name, why);
			continue;
		}
		if (ops->cpu_init()) {
			printk("%s: could not be switched on\n", ops->name);
			continue;
		}
		vendor = ops;
		printk("guests run under %s on shadow page tables\n", ops->name);
		return 0;
	}
	printk("no guest can run on this processor\n");
	return -ENODEV;
}
