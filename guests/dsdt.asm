; SPDX-License-Identifier: MIT
; The DSDT as iasl compiled it from guests/dsdt.asl, inside the image.

	section .rodata
	global dsdt_aml, dsdt_aml_bytes
	align 16
dsdt_aml:
	incbin "dsdt.aml"
.end:
	align 4
dsdt_aml_bytes:
	dd dsdt_aml.end - dsdt_aml
