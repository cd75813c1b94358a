"""Which crashes are the same crash: platform, fatality, the exception, and the app's own code that it went through.

Pure. Line numbers, addresses, paths, ids and counters never count, so that a group outlives a release; the message
counts only where no code of the app is named.
"""

import re
from dataclasses import dataclass
from hashlib import sha1

from profiles.crashes import messages
from profiles.crashes.traces.frames import Frame, Section, Trace
from profiles.crashes.traces.reading import UNKNOWN, read_trace

# Raise it when a rule below changes on purpose: old groups keep their digest, new crashes make new groups.
_RULES = "1"
# One frame would join every caller of a shared helper, all frames would part every path to one bug.
_FRAMES_THAT_COUNT = 3
_LONGEST_TITLE = 200
_LINES_OF_PLAIN_TEXT = 3
# Recursion stops wherever the stack happened to end: its members count, their order does not.
_ENDLESS = frozenset({"StackOverflowError", "StackOverflowException", "RecursionError"})
_ENDLESS_MESSAGE = "Maximum call stack size exceeded"
_FRAMES_OF_A_CYCLE = 40
_LINE = re.compile(r":\d+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashFacts:
    """What of a crash report decides its group. Empty: not said."""

    platform: str
    error: str
    """The trace, as reported."""
    name: str = ""
    """The exception's name where the SDK gives it apart from the trace."""
    is_fatal: bool = True
    is_os_independent: bool = False
    """The same group on every platform."""
    is_javascript: bool = False
    executable_name: str = ""
    """Apple's name of the app's own image."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The group that a crash belongs to: its digest (40 hexadecimal digits), how to call it, the frames that count."""

    digest: str
    title: str
    culprit: str
    frames: tuple[Frame, ...]


def trace_of(facts: CrashFacts) -> Trace:
    """Return the trace of a crash, read."""
    return read_trace(facts.error, is_javascript=facts.is_javascript, executable=facts.executable_name)


def fingerprint(facts: CrashFacts) -> Fingerprint:
    """Return the group that a crash belongs to."""
    trace = trace_of(facts)
    cause, blamed = trace.cause, trace.blamed
    exception, message = _named(cause, facts.name)
    frames = _frames_that_count(blamed, exception, message)
    parts = [
        _RULES,
        "" if facts.is_os_independent else facts.platform.strip().casefold(),
        "fatal" if facts.is_fatal else "handled",
        exception,
    ]
    if any(frame.is_app_code and frame.key for frame in frames):
        parts += [frame.key for frame in frames]
    else:
        parts += _without_names(trace, message, frames)
    return Fingerprint(
        digest=sha1("\x1f".join(parts).encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest(),
        title=_title(exception, message, cause),
        culprit=_culprit(frames, blamed),
        frames=frames,
    )


def _named(cause: Section, name: str) -> tuple[str, str]:
    name = name.strip()
    is_type = bool(name) and " " not in name.split("\n", 1)[0].partition(":")[0]
    if cause.exception or not name:
        return cause.exception, cause.message
    first, _, rest = name.split("\n", 1)[0].partition(":")
    if is_type:
        return first.rpartition(".")[2], rest.strip() or cause.message
    return "", name.split("\n", 1)[0]


def _frames_that_count(section: Section, exception: str, message: str) -> tuple[Frame, ...]:
    own = [frame for frame in section.frames if frame.is_app_code and frame.key]
    if own and (exception in _ENDLESS or message.startswith(_ENDLESS_MESSAGE)):
        cycle = {frame.key: frame for frame in own[:_FRAMES_OF_A_CYCLE]}
        return tuple(cycle[key] for key in sorted(cycle))
    if own:
        return _first_different(own, by_build=False)
    nameless = [frame for frame in section.frames if frame.is_app_code and frame.build_key]
    return _first_different(nameless, by_build=True)


def _first_different(frames: list[Frame], *, by_build: bool) -> tuple[Frame, ...]:
    kept: list[Frame] = []
    seen: set[str] = set()
    for frame in frames:
        key = frame.build_key if by_build else frame.key
        if key not in seen:
            seen.add(key)
            kept.append(frame)
        if len(kept) == _FRAMES_THAT_COUNT:
            break
    return tuple(kept)


def _without_names(trace: Trace, message: str, frames: tuple[Frame, ...]) -> list[str]:
    """Return what counts where no code of the app has a name: message, then offsets or the system's own functions."""
    normalise = messages.normalise_javascript if trace.language == "JavaScript" else messages.normalise
    told = [normalise(message)]
    if trace.language == UNKNOWN:
        told += [normalise(line) for line in trace.cause.heading.split("\n")[:_LINES_OF_PLAIN_TEXT]]
    if frames:
        told += [frame.build_key for frame in frames]
    elif not message:
        named = [frame for frame in trace.cause.frames if frame.key]
        told += [frame.key for frame in _first_different(named, by_build=False)]
    return told


def _title(exception: str, message: str, cause: Section) -> str:
    said = messages.mask(message)
    if exception:
        title = f"{exception}: {said}" if said and said != exception else exception
    else:
        title = said or messages.mask(cause.heading.split("\n", 1)[0])
    return title[:_LONGEST_TITLE] if any(map(str.isalnum, title)) else "Crash without a word"


def _culprit(frames: tuple[Frame, ...], section: Section) -> str:
    if frames:
        culprit = frames[0].function if frames[0].key else _LINE.sub("", frames[0].place)
    else:
        culprit = next((frame.function for frame in section.frames if frame.function), "")
    return culprit[:_LONGEST_TITLE]
