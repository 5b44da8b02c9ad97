#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""vmlinux.py BZIMAGE OUT - the kernel that a bzImage carries compressed, as it is: an ELF file.

Its own decompressor is most of a boot on a slow emulator. Linux
Documentation/arch/x86/boot.rst says where it lies (payload_offset, payload_length, protocol
2.08); Debian compresses with XZ.
"""

import lzma
import struct
import sys
from pathlib import Path

SETUP_SECTS = 0x1f1
VERSION = 0x206
PAYLOAD_OFFSET = 0x248
SECTOR = 512
VERSION_WITH_PAYLOAD = 0x208
XZ_MAGIC = b"\xfd7zXZ\0"


def payload(image):
    """The compressed bytes."""
    if image[0x202:0x206] != b"HdrS":
        raise ValueError("no bzImage")
    version, = struct.unpack_from("<H", image, VERSION)
    if version < VERSION_WITH_PAYLOAD:
        raise ValueError(f"boot protocol {version >> 8}.{version & 0xff:02} tells of no payload")
    offset, length = struct.unpack_from("<II", image, PAYLOAD_OFFSET)
    start = (image[SETUP_SECTS] + 1) * SECTOR + offset
    return image[start:start + length]


def main(bzimage, out):
    data = payload(Path(bzimage).read_bytes())
    if not data.startswith(XZ_MAGIC):
        raise ValueError(f"its payload begins with {data[:6].hex()}: expected XZ")
    # Behind the XZ stream comes the size of what is in it.
    kernel = lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(data)
    if not kernel.startswith(b"\x7fELF"):
        raise ValueError("its payload is no ELF file")
    Path(out).write_bytes(kernel)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (ValueError, lzma.LZMAError) as e:
        sys.exit(f"images: error: {sys.argv[1]}: {e}")
