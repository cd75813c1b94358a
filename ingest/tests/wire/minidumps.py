"""Makes minidumps like Breakpad's, with as little in them as a crash needs."""

import struct
from base64 import b64encode

ARM64 = 12
_PROGRAM_COUNTER = 264


def minidump(
    *,
    signal: int = 11,
    base: int = 0x7A10_0000_0000,
    offset: int = 0x1A2B4,
    library: str = "/data/app/~~Qx==/com.kahve-1==/lib/arm64/libshop.so",
    processor: int = ARM64,
) -> str:
    """Return a minidump in base64 of a crash at `offset` in `library`, which was loaded at `base`."""
    name = library.encode("utf-16-le")
    system, exception, modules = 100, 200, 400
    names, context = 700, 1200
    dump = bytearray(2048)
    struct.pack_into("<4sIII", dump, 0, b"MDMP", 0xA793, 3, 32)
    for number, (kind, place) in enumerate(((7, system), (6, exception), (4, modules))):
        struct.pack_into("<III", dump, 32 + 12 * number, kind, 0, place)
    struct.pack_into("<H", dump, system, processor)
    struct.pack_into("<II", dump, exception + 8, signal, 1)
    struct.pack_into("<Q", dump, exception + 24, 0x10)
    struct.pack_into("<II", dump, exception + 160, 800, context)
    struct.pack_into("<I", dump, modules, 1)
    struct.pack_into("<QI", dump, modules + 4, base, 0x100000)
    struct.pack_into("<I", dump, modules + 4 + 20, names)
    struct.pack_into("<I", dump, names, len(name))
    dump[names + 4 : names + 4 + len(name)] = name
    struct.pack_into("<Q", dump, context + _PROGRAM_COUNTER, base + offset)
    return b64encode(dump).decode()
