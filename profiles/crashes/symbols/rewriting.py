"""A reported trace in the words of its source: each frame that a file knows is written anew in its language. Pure.

What comes out is text that `profiles.crashes.traces` reads like any other; what no file knows stays as it was reported.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from symbolic.proguard import ProguardMapper
from symbolic.sourcemapcache import SourceMapCache, SourceMapCacheToken
from symbolic.symcache import SymCache

from profiles.crashes.symbols.files import image_id
from profiles.crashes.traces import apple, java, javascript, native
from profiles.crashes.traces.frames import basename
from profiles.crashes.traces.reading import lines_of

MOST_FRAMES: Final = 500
SOURCE_LINES: Final = 4
_LONGEST_SOURCE_LINE: Final = 300
_MINIFIED_COLUMN: Final = 250  # no one writes lines that long
_UNKNOWN: Final = "<unknown>"
_QUERY: Final = re.compile(r"[?#].*$")
_WEBPACK: Final = re.compile(r"^(?:webpack|webpack-internal|turbopack)://(?:/?[\w@.\-]*/)?(?:\./)?")
_JAVA_FRAME: Final = re.compile(r"(?P<indent>\s*)at (?P<module>(?:[\w.\-@]{1,80}/){0,2})")
_JAVA_TYPE: Final = re.compile(
    r"(?P<before>(?:Caused by: |Suppressed: )?)(?P<type>(?:[\w$]{1,100}\.){1,20}[\w$]{1,100})"
)
_OBFUSCATED: Final = re.compile(r"(?:[a-z]\w?\.){1,8}\w{1,2}(?:\$\w{1,2})?$")
_BASE_AND_OFFSET: Final = re.compile(r"0x[0-9a-fA-F]+$")
_BUILD_ID: Final = re.compile(r"\(BuildId: (?P<id>[0-9a-f]+)\)")


@dataclass(frozen=True, slots=True)
class Source:
    """The source around the innermost frame of the app's own code."""

    path: str
    line: int
    before: tuple[str, ...]
    text: str
    after: tuple[str, ...]

    @property
    def first_line(self) -> int:
        """The number of the first line that is shown."""
        return self.line - len(self.before)


@dataclass(slots=True)
class Rewritten:
    """A trace after all that is known was put in."""

    text: str
    frames: int = 0
    """How many frames were written anew."""
    missing: tuple[str, ...] = ()
    """Which files would tell more: names of scripts, ids of images, or `mapping`."""
    source: Source | None = None


MAPPING: Final = "mapping"


# --- JavaScript ---------------------------------------------------------------------------------


def rewrite_javascript(text: str, find: Callable[[str], SourceMapCache | None]) -> Rewritten:
    """Write the frames of scripts anew; `find` gives the map of a script by its file name."""
    told, missing, source = 0, dict[str, None](), None
    lines = lines_of(text)
    found: list[tuple[int, str, SourceMapCacheToken]] = []
    for index, line in enumerate(lines):
        frame = javascript.FRAME.match(line)
        place = _script_place(frame) if frame else None
        if frame is None or place is None or len(found) >= MOST_FRAMES:
            continue
        script, row, column = place
        if (script_map := find(script)) is None:
            if column >= _MINIFIED_COLUMN or ".min." in script:
                missing[script] = None
            continue
        if token := script_map.lookup(row, column, SOURCE_LINES):
            found.append((index, frame["name"] or frame["gecko"] or "", token))
    for number, (index, name, token) in enumerate(found):
        path = _plain_path(token.src or "")
        caller = found[number + 1][2] if number + 1 < len(found) and found[number + 1][0] == index + 1 else None
        lines[index] = f"    at {_function(token, caller, name)} ({path}:{token.line}:{token.col})"
        told += 1
        if source is None and token.context_line and "node_modules" not in path:
            source = _source(path, token)
    return Rewritten("\n".join(lines), told, tuple(missing), source)


def _script_place(frame: re.Match[str]) -> tuple[str, int, int] | None:
    file = frame["file"] or frame["gecko_file"] or frame["bare"]
    line = frame["line"] or frame["gecko_line"] or frame["bare_line"]
    column = frame["column"] or frame["gecko_column"] or frame["bare_column"]
    if not file or not line or not column or not 0 < int(line) < 2**31 or not 0 < int(column) < 2**31:
        return None
    return basename(_QUERY.sub("", file)), int(line), int(column)


def _function(token: SourceMapCacheToken, caller: SourceMapCacheToken | None, minified: str) -> str:
    """Return a frame's function: by the script's scopes; without the script, by the name at the place that calls it."""
    if token.function_name and token.function_name != _UNKNOWN:
        return token.function_name
    if caller is not None and caller.name:
        return caller.name
    return minified or "<anonymous>"


def _plain_path(path: str) -> str:
    plain = _WEBPACK.sub("", path)
    while plain.startswith("../"):
        plain = plain.removeprefix("../")
    return plain.replace(" ", "%20").replace("(", "%28").replace(")", "%29") or "source"


def _source(path: str, token: SourceMapCacheToken) -> Source:
    def cut(line: str) -> str:
        return line.rstrip()[:_LONGEST_SOURCE_LINE]

    return Source(
        path,
        token.line,
        tuple(map(cut, token.pre_context)),
        cut(token.context_line or ""),
        tuple(map(cut, token.post_context)),
    )


# --- Java ---------------------------------------------------------------------------------------


def rewrite_java(text: str, mapping: ProguardMapper | None) -> Rewritten:
    """Write frames and exceptions of ProGuard or R8 anew; what was inlined becomes frames again."""
    if mapping is None:
        frames = [found for line in lines_of(text) if (found := java.FRAME.match(line))]
        is_obfuscated = any(_OBFUSCATED.match(found["owner"]) for found in frames)
        return Rewritten(text, missing=(MAPPING,) if is_obfuscated else ())
    told, lines = 0, list[str]()
    for line in lines_of(text):
        found = java.FRAME.match(line)
        if found is None:
            lines.append(_JAVA_TYPE.sub(lambda type_: _mapped_type(mapping, type_), line, count=1))
            continue
        number = found["place"].rpartition(":")[2]
        mapped = mapping.remap_frame(found["owner"], found["method"], int(number) if number.isdigit() else 0)
        if not mapped or told >= MOST_FRAMES:
            lines.append(line)
            continue
        told += 1
        start = _JAVA_FRAME.match(line)
        indent = (start["indent"] + "at " + start["module"]) if start else "\tat "
        for frame in mapped:
            place = frame.file or f"{frame.class_name.rpartition('.')[2].partition('$')[0]}.java"
            place += f":{frame.line}" if frame.line else ""
            lines.append(f"{indent}{frame.class_name}.{frame.method}({place})")
    return Rewritten("\n".join(lines), told)


def _mapped_type(mapping: ProguardMapper, found: re.Match[str]) -> str:
    return found["before"] + (mapping.remap_class(found["type"]) or found["type"])


# --- Native -------------------------------------------------------------------------------------


def rewrite_native(
    text: str, report: dict[str, Any], binary_images: str, find: Callable[[str], SymCache | None]
) -> Rewritten:
    """Write frames of images anew that have an address only; `find` gives the symbols of an image by its id."""
    ids = image_ids(binary_images)
    executable = str(report.get("executable_name") or "")
    if executable and report.get("build_uuid"):
        ids.setdefault(executable, image_id(str(report["build_uuid"])))
    told, missing, lines = 0, dict[str, None](), list[str]()
    for line in lines_of(text):
        place = _native_place(line, ids)
        if place is None or told >= MOST_FRAMES:
            lines.append(line)
            continue
        image, id_, address, start = place
        if (symbols := find(id_)) is None:
            missing[f"{image} ({id_})"] = None
            lines.append(line)
            continue
        found = symbols.lookup(address)  # type: ignore[no-untyped-call]  # its hints are partial
        if not found:
            lines.append(line)
            continue
        told += 1
        for frame in found:
            where = f" ({basename(frame.full_path)}:{frame.line})" if frame.full_path and frame.line else ""
            lines.append(f"{start}{frame.symbol} + {address - frame.sym_addr}{where}")
    return Rewritten("\n".join(lines), told, tuple(missing))


def _native_place(line: str, ids: dict[str, str]) -> tuple[str, str, int, str] | None:
    """Return image, its id, the address within it, and how the line begins; None of what needs no symbols."""
    found = apple.FRAME.match(line)
    if found and found["offset"] and _BASE_AND_OFFSET.match(found["symbol"].strip()):
        image = basename(found["image"])
        id_ = ids.get(image)
        return (image, id_, int(found["offset"]), line[: found.start("symbol")]) if id_ else None
    found = native.FRAME.match(line)
    build = _BUILD_ID.search(line)
    if found and build and found["pc"] and not found["symbol1"]:
        image = basename(found["lib"])
        number, address = line.split("pc", 1)[0].strip().lstrip("#"), int(found["pc"], 16)
        return image, image_id(build["id"]), address, f"{number:<4}{image} 0x{address:016x} "
    return None


def image_ids(binary_images: str) -> dict[str, str]:
    """Read the list of images that came with a report: name to id. Countly's SDK: {name: {"id": …}}, or a list."""
    try:
        told = json.loads(binary_images or "{}")
    except (ValueError, RecursionError):
        return {}
    if isinstance(told, dict):
        pairs = list(told.items())
    else:
        listed = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
        pairs = [(one.get("name") or one.get("bn"), one) for one in listed]
    ids = {}
    for name, facts in pairs:
        uuid = (facts.get("id") or facts.get("uuid")) if isinstance(facts, dict) else facts
        if isinstance(name, str) and isinstance(uuid, str):
            ids[basename(name)] = image_id(uuid)
    return ids
