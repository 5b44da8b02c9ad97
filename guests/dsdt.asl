/* SPDX-License-Identifier: MIT */
/*
 * What the board has beyond the fixed tables (ACPI 6.4). The figures are those of guests/board.c
 * and the device models; tests/unit/test_acpi.c compares some of them.
 */
DefinitionBlock ("", "DSDT", 2, "XIHV", "XIHVBRD", 0x00000001)
{
	/* Soft off: SLP_TYP of PM1a (drivers/virt/acpi_pm.h: ACPI_S5_SLP_TYP). */
	Name (\_S5, Package () { 5, 0, 0, 0 })

	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A03"))
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					0x0000, 0x0000, 0x00ff, 0x0000, 0x0100)
				IO (Decode16, 0x0cf8, 0x0cf8, 0x01, 0x08)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0x0000, 0x0000, 0x0cf7, 0x0000, 0x0cf8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0x0000, 0x0d00, 0xffff, 0x0000, 0xf300)
				/* From the end of low RAM to the IOAPIC. */
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					NonCacheable, ReadWrite,
					0x00000000, 0xc0000000, 0xfebfffff, 0x00000000, 0x3ec00000)
			})

			Device (PIC)
			{
				Name (_HID, EisaId ("PNP0000"))
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x0020, 0x0020, 0x01, 0x02)
					IO (Decode16, 0x00a0, 0x00a0, 0x01, 0x02)
					IO (Decode16, 0x04d0, 0x04d0, 0x01, 0x02)
					IRQNoFlags () { 2 }
				})
			}

			Device (TIMR)
			{
				Name (_HID, EisaId ("PNP0100"))
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x0040, 0x0040, 0x01, 0x04)
					IRQNoFlags () { 0 }
				})
			}

			Device (RTC)
			{
				Name (_HID, EisaId ("PNP0B00"))
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x0070, 0x0070, 0x01, 0x02)
					IRQNoFlags () { 8 }
				})
			}

			Device (COM1)
			{
				Name (_HID, EisaId ("PNP0501"))
				Name (_UID, 1)
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x03f8, 0x03f8, 0x01, 0x08)
					IRQNoFlags () { 4 }
				})
			}

			/* What no driver asks for but somebody answers at. */
			Device (MBRD)
			{
				Name (_HID, EisaId ("PNP0C02"))
				Name (_UID, 1)
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x0061, 0x0061, 0x01, 0x01)
					IO (Decode16, 0x0080, 0x0080, 0x01, 0x01)
					IO (Decode16, 0x0092, 0x0092, 0x01, 0x01)
					IO (Decode16, 0x00ed, 0x00ed, 0x01, 0x01)
					IO (Decode16, 0x0600, 0x0600, 0x01, 0x0c)
				})
			}
		}
	}
}
