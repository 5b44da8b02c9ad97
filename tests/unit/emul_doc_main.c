/* SPDX-License-Identifier: MIT */
/* `make emul-doc`: the scope table on standard output. */
#include "tests/unit/emul_doc.h"

int main(void)
{
	emul_doc_print(stdout);
	return 0;
}
