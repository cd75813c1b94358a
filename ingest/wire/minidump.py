"""Android's SDK sends native crashes as minidumps in Breakpad's format: what one says of where it crashed.

Only the signal and the crashed thread's first frame are read, which is what crashes are told apart by. Offsets are
those of Breakpad's `minidump_format.h` and its contexts by processor.
"""

import binascii
import struct
from typing import Final

_SIGNATURE: Final = b"MDMP"
_MODULES: Final = 4
_EXCEPTION: Final = 6
_SYSTEM: Final = 7
_MODULE_BYTES: Final = 108
_MOST_MODULES: Final = 4000
_MOST_STREAMS: Final = 200
_LONGEST_NAME: Final = 1024
# Where a thread's context holds the instruction that it was at, and in how many bytes, by the processor's number.
_PROGRAM_COUNTERS: Final = {0: (184, "<I"), 5: (64, "<I"), 9: (248, "<Q"), 12: (264, "<Q"), 0x8003: (264, "<Q")}
_SIGNALS: Final = {3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 11: "SIGSEGV"}


def trace_of_minidump(encoded: str) -> str | None:
    """Return the trace of a minidump in base64, spelled like Android's own; None for what is no minidump."""
    try:
        dump = binascii.a2b_base64(encoded[: len(encoded) - len(encoded) % 4])
        return _trace(dump) if dump.startswith(_SIGNATURE) else None
    except (ValueError, struct.error):  # no base64, or an offset that leads out of the dump
        return None


def _trace(dump: bytes) -> str:
    streams = _streams(dump)
    at = streams[_EXCEPTION]
    signal, code = struct.unpack_from("<II", dump, at + 8)
    (address,) = struct.unpack_from("<Q", dump, at + 24)
    heading = f"signal {signal} ({_SIGNALS.get(signal, 'SIGUNKNOWN')}), code {code}, fault addr 0x{address:x}"
    (processor,) = struct.unpack_from("<H", dump, streams[_SYSTEM])
    if processor not in _PROGRAM_COUNTERS:
        return heading
    offset, size = _PROGRAM_COUNTERS[processor]
    (context,) = struct.unpack_from("<I", dump, at + 164)
    (counter,) = struct.unpack_from(size, dump, context + offset)
    return f"{heading}\n    #00 pc {_place(dump, streams.get(_MODULES), counter)}"


def _streams(dump: bytes) -> dict[int, int]:
    """Return where each kind of stream begins. Raises ValueError without those that a crash has."""
    count, directory = struct.unpack_from("<II", dump, 8)
    entries = (struct.unpack_from("<III", dump, directory + 12 * n) for n in range(min(count, _MOST_STREAMS)))
    streams = {kind: place for kind, _, place in entries}
    if not streams.keys() >= {_EXCEPTION, _SYSTEM}:
        raise ValueError("no crash")
    return streams


def _place(dump: bytes, modules: int | None, counter: int) -> str:
    """Return an instruction as its offset in its library, which the loader's random address does not move."""
    if modules is not None:
        (count,) = struct.unpack_from("<I", dump, modules)
        for number in range(min(count, _MOST_MODULES)):
            at = modules + 4 + _MODULE_BYTES * number
            base, size = struct.unpack_from("<QI", dump, at)
            if base <= counter < base + size:
                (name,) = struct.unpack_from("<I", dump, at + 20)
                (length,) = struct.unpack_from("<I", dump, name)
                path = dump[name + 4 : name + 4 + min(length, _LONGEST_NAME)].decode("utf-16-le", "replace")
                return f"{counter - base:016x}  {'_'.join(path.split()) or '<unknown>'}"
    return f"{0:016x}  <unknown>"
