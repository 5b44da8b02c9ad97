; SPDX-License-Identifier: MIT
; The DSDT as iasl compiled it from guests/dsdt.asl, inside the image.

	section .rodata
	global dsdt_aml, dsdt_aml_end
	align 16
dsdt_aml:
	incbin "dsdt.aml"
dsdt_aml_end:
