"""What an uploaded file is: a source map, a script, a mapping of ProGuard or R8, or native symbols. Pure.

Parsing is Sentry's `symbolic`. A file is read once here, so that what is kept can be read later.
"""

import io
import json
import re
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from symbolic.debuginfo import Archive, Object
from symbolic.exceptions import SymbolicError
from symbolic.proguard import ProguardMapper
from symbolic.sourcemapcache import SourceMapCache

from profiles.crashes.traces.frames import basename

MOST_BYTES: Final = 64 * 1024 * 1024
_CLASS_LINE: Final = re.compile(rb"^[^\s#].* -> [^\s]+:\s*$", re.MULTILINE)
_MAP_NAME: Final = re.compile(r"\.map$", re.IGNORECASE)


class SymbolError(ValueError):
    """Why a file cannot be used; the message is for the person who uploaded it."""


class Kind(StrEnum):
    """What a file is."""

    SOURCE_MAP = "source_map"
    SCRIPT = "script"
    PROGUARD = "proguard"
    NATIVE = "native"


@dataclass(frozen=True, slots=True)
class Symbols:
    """A file to keep: `name` is what traces know it by."""

    kind: Kind
    name: str
    content: bytes


def identify(file_name: str, content: bytes) -> list[Symbols]:
    """Return what is to be kept of a file: one, or of native symbols one for each build in it. Raises SymbolError."""
    name = basename(file_name)
    if not content:
        raise SymbolError("The file is empty.")
    if len(content) > MOST_BYTES:
        raise SymbolError(f"The file is larger than {MOST_BYTES // 1024 // 1024} MB.")
    if name.lower().endswith((".js", ".mjs", ".cjs", ".bundle")):
        return [Symbols(Kind.SCRIPT, name, content)]
    if content.lstrip()[:1] == b"{" or name.lower().endswith(".map"):
        return [_source_map(name, content)]
    if found := _native(content):
        return found
    if _CLASS_LINE.search(content):
        return [_proguard(content)]
    raise SymbolError("That is no source map, no ProGuard or R8 mapping, and holds no native symbols.")


def _source_map(name: str, content: bytes) -> Symbols:
    try:
        told = json.loads(content)
        if not isinstance(told, dict) or told.get("version") != 3 or not ("mappings" in told or "sections" in told):
            raise SymbolError("That is no source map of version 3.")
        SourceMapCache.from_bytes(b"", content)
    except (ValueError, RecursionError, SymbolicError) as error:
        raise error if isinstance(error, SymbolError) else SymbolError("The source map cannot be read.") from error
    bundle = _MAP_NAME.sub("", name)
    if not bundle.lower().endswith((".js", ".mjs", ".cjs", ".bundle")) and isinstance(told.get("file"), str):
        bundle = basename(told["file"]) or bundle
    return Symbols(Kind.SOURCE_MAP, bundle, content)


def _proguard(content: bytes) -> Symbols:
    try:
        with opened_mapping(content):
            return Symbols(Kind.PROGUARD, "", content)
    except SymbolicError as error:
        raise SymbolError("The mapping cannot be read.") from error


@contextmanager
def opened_mapping(content: bytes) -> Iterator[ProguardMapper]:
    """Open a mapping: by a file, since the library reads no bytes."""
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        file.write(content)
        file.flush()
        yield ProguardMapper.open(file.name)


def _native(content: bytes) -> list[Symbols]:
    try:
        archive = Archive.from_bytes(content)
        objects = list(archive.iter_objects())
    except SymbolicError:
        return []
    found = []
    for one in objects:
        if not one.features & {"symtab", "debug"}:
            continue
        cache = io.BytesIO()
        try:
            one.make_symcache().dump_into(cache)  # type: ignore[no-untyped-call]  # its hints are partial
        except SymbolicError as error:
            raise SymbolError("The native symbols cannot be read.") from error
        found.append(Symbols(Kind.NATIVE, image_id(_id_of(one)), cache.getvalue()))
    if objects and not found:
        raise SymbolError("The file was stripped: it holds no symbols. Upload the dSYM, or the unstripped library.")
    return found


def _id_of(one: Object) -> str:
    return one.code_id or one.debug_id


def image_id(text: str) -> str:
    """Return the id of a build of an image in one form: hexadecimal, of a UUID the first 32 digits."""
    digits = re.sub(r"[^0-9a-f]", "", text.lower())
    return digits[:32] if "-" in text else digits


def packed(content: bytes) -> bytes:
    """Compress what is kept."""
    return zlib.compress(content, 6)


def unpacked(content: bytes) -> bytes:
    """Return what `packed` took; never more than was let in."""
    return zlib.decompressobj().decompress(content, MOST_BYTES * 4)
