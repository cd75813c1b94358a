from base64 import b64decode, b64encode

import pytest
from hypothesis import given, strategies as st

from ingest.tests.wire.minidumps import minidump
from ingest.wire.minidump import trace_of_minidump

LIBRARY = "/data/app/~~Qx==/com.kahve-1==/lib/arm64/libshop.so"


def test_it_says_the_signal_and_the_first_frame() -> None:
    assert trace_of_minidump(minidump()) == (
        f"signal 11 (SIGSEGV), code 1, fault addr 0x10\n    #00 pc 000000000001a2b4  {LIBRARY}"
    )


def test_the_address_at_which_a_library_was_loaded_does_not_count() -> None:
    assert trace_of_minidump(minidump(base=0x1000)) == trace_of_minidump(minidump(base=0x2000))


def test_an_instruction_of_no_library_has_no_address() -> None:
    trace = trace_of_minidump(minidump(offset=0x200000))
    assert trace is not None
    assert trace.endswith("#00 pc 0000000000000000  <unknown>")


def test_of_an_unknown_processor_there_is_the_signal() -> None:
    assert trace_of_minidump(minidump(processor=99, signal=6)) == "signal 6 (SIGABRT), code 1, fault addr 0x10"


@pytest.mark.parametrize("text", ["", "Error: x", "TURNUA==", "TURNU", "é", "{}"])
def test_what_is_no_minidump_is_none(text: str) -> None:
    assert trace_of_minidump(text) is None


@given(st.lists(st.tuples(st.integers(0, 1500), st.binary(min_size=1, max_size=8)), max_size=6), st.integers(4, 2048))
def test_a_broken_one_breaks_nothing(changes: list[tuple[int, bytes]], length: int) -> None:
    dump = bytearray(b64decode(minidump()))
    for at, junk in changes:
        dump[at : at + len(junk)] = junk
    trace = trace_of_minidump(b64encode(dump[:length]).decode())
    assert trace is None or trace.startswith("signal ")
