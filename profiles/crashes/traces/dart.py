"""Dart and Flutter: `#0      CartPage.pay (package:shop/cart.dart:42:7)`, terse and obfuscated forms too."""

import re
from collections.abc import Sequence

from profiles.crashes.traces.frames import Frame, Language, Section, Trace, basename

NAME = "Dart"
FRAME = re.compile(
    r"\s*#\d{1,4}\s{1,8}(?P<name>.{1,300}?) \((?P<file>(?:package|dart|file|https?|org-dartlang-\w+):[^\s"
    r"()]{0,400}?)(?::\d+){0,2}\)\s*$"
    r"|\s*(?P<terse_file>(?:package|dart):\S{1,300}|\S{1,300}\.dart)\s{1,20}\d+:\d+\s{1,40}(?P<terse>\S.{0,300}?)\s*$"
    r"|\s*#\d{1,4}\s{1,4}abs [0-9a-f]+ (?:virt [0-9a-f]+ )?(?P<offset>_kDart\w+\+0x[0-9a-f]+)\s*$"
)
_SUSPENSION = re.compile(r"\s*(?:<asynchronous suspension>|===== asynchronous gap =+)\s*$")
_CRASH_HEADER = re.compile(
    r"\s*(?:\*\*\* |pid: |os: |build_id|isolate_dso_base|vm_dso_base|isolate_instructions|StackTrace ?:|Stack Trace:"
    r"|When the exception was thrown|Unhandled exception:?\s*$|#\d+\s+\.\.\.|══)"
)
_HEADING = re.compile(
    r"(?:\[ERROR:[^\]]*\] )?(?:Unhandled Exception: |Exception: (?=\w+Exception))?(?P<type>_?[A-Z]\w*"
    r"(?:Exception|Error)|RangeError \(\w+\)|Exception|Bad state|Invalid argument\(s\))"
    r"(?: ?\((?P<detail>\w+), (?P<inside>.*)\))?(?:: ?(?P<message>.*))?$"
)
_CAST = re.compile(r"type '(?P<from>[^']+)' is not a subtype of type '(?P<to>[^']+)'")
_SAYINGS = (
    (re.compile(r"Null check operator used on a null value"), "TypeError"),
    (_CAST, "TypeError"),
    (re.compile(r"Assertion failed|'package:[^']+': Failed assertion"), "AssertionError"),
)
_FOREIGN_FILE = re.compile(
    r"dart:|package:(?:flutter|flutter_\w+|countly_flutter|provider|bloc|riverpod|get|dio|http|rxdart|async"
    r"|collection|stack_trace|"
    r"go_router|hive|sqflite|path|intl|firebase_\w+|cloud_\w+|google_\w+|shared_preferences|url_launcher"
    r"|hooks_riverpod|mobx|graphql|"
    r"isar|drift|chopper|freezed_annotation|json_annotation|sentry\w*|test|test_api)/"
)
_CLOSURE = re.compile(
    r"(?:\.<anonymous closure>|\.<fn>|<anonymous closure>|\.<async>|\.\.\.+)+$|(?<=\w)\.<anonymous closure>"
)
_OBFUSCATED = re.compile(r"^[A-Za-z_]{1,3}(?:\.[A-Za-z_]{1,3})?$")


def read(lines: Sequence[str], executable: str) -> Trace:
    """Read the lines of a trace; what a second error would print after it is another section."""
    del executable
    sections: list[Section] = []
    heading, frames = list[str](), list[Frame]()
    for line in lines:
        found = FRAME.match(line)
        if found:
            frames.append(_frame(line, found))
        elif _SUSPENSION.match(line):
            frames.append(Frame(line.strip()))
        elif line.strip():
            if frames:
                sections.append(_section(heading, frames))
                heading, frames = [], []
            heading.append(line)
    if heading or frames:
        sections.append(_section(heading, frames))
    blamed = next((i for i, section in enumerate(sections) if section.frames), 0)
    return Trace(NAME, tuple(sections), (blamed,))


def _section(heading: Sequence[str], frames: Sequence[Frame]) -> Section:
    told = [line.strip() for line in heading if not _CRASH_HEADER.match(line)]
    text = "\n".join(heading)
    for line in told:
        found = _HEADING.match(line)
        if found:
            inside = f"{found['detail']}, {found['inside']}" if found["detail"] else ""
            message = found["message"] or inside or " ".join(told[told.index(line) + 1 :])
            return Section(text, found["type"], message, tuple(frames))
        for pattern, kind in _SAYINGS:
            if pattern.search(line):
                return Section(text, kind, line, tuple(frames))
    return Section(text, "", " ".join(told), tuple(frames))


def _frame(line: str, found: re.Match[str]) -> Frame:
    if found["offset"]:
        # Built with --obfuscate or --split-debug-info: the offset lasts as long as the build.
        return Frame(line.strip(), "", "", is_app_code=True, build_key=found["offset"])
    file = found["file"] or found["terse_file"]
    name = _CLOSURE.sub("", (found["name"] or found["terse"]).removeprefix("new ").strip()) or "<anonymous>"
    key = "" if _OBFUSCATED.match(name) or name == "<anonymous>" else f"{name}@{file}"
    return Frame(
        text=line.strip(),
        function=name,
        place=basename(file),
        is_app_code=not _FOREIGN_FILE.match(file),
        key=key,
        build_key="" if key else file,
    )


LANGUAGE = Language(NAME, FRAME, read)
