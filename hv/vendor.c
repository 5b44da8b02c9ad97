/* SPDX-License-Identifier: MIT */
/* The choice of the virtualization extension. `vendor` is written once, at boot. */
#include "hv/vendor.h"

#include "hv/errno.h"
#include "hv/print.h"

const struct vendor_ops *vendor;

static const struct vendor_ops *const back_ends[] = { &vmx_ops, &svm_ops };

static const struct vendor_ops *find_usable(void)
{
	const char *why;

	for (unsigned i = 0; i < ARRAY_SIZE(back_ends); i++)
		if (back_ends[i]->usable(&why))
			return back_ends[i];
	for (unsigned i = 0; i < ARRAY_SIZE(back_ends); i++)
		if (!back_ends[i]->usable(&why))
			printk("%s: %s\n", back_ends[i]->name, why);
	return NULL;
}

int vendor_init(void)
{
	const struct vendor_ops *ops = find_usable();

	if (ops && ops->cpu_init()) {
		printk("%s: could not be switched on\n", ops->name);
		ops = NULL;
	}
	if (!ops) {
		printk("no guest can run on this processor\n");
		return -ENODEV;
	}
	vendor = ops;
	printk("guests run under %s on shadow page tables\n", ops->name);
	return 0;
}

void vendor_fini(void)
{
	if (vendor)
		vendor->cpu_fini();
}
