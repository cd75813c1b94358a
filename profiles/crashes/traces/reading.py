"""The one way in: find the language of a reported text and read it."""

from collections.abc import Sequence

from profiles.crashes.traces import apple, csharp, dart, java, javascript, native, python
from profiles.crashes.traces.frames import Language, Section, Trace

UNKNOWN = "Text"
# In the order in which a tie is decided: the narrower form of a frame first.
LANGUAGES: tuple[Language, ...] = (
    java.LANGUAGE,
    python.LANGUAGE,
    dart.LANGUAGE,
    apple.LANGUAGE,
    javascript.LANGUAGE,
    csharp.LANGUAGE,
    native.LANGUAGE,
)
_GLANCED_LINES = 9
_ENOUGH_FRAMES = 3
_SNIFFED_LINES = 60
# Beyond these nobody reads, and every pattern stays cheap on a text made to be dear.
_MOST_LINES = 2000
_LONGEST_LINE = 600


def lines_of(text: str) -> list[str]:
    """Return the lines that are read, each cut to a length that patterns can bear; tabs count as eight spaces."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(8).split("\n", _MOST_LINES)[:_MOST_LINES]
    return [line[:_LONGEST_LINE].rstrip() for line in lines]


def read_trace(text: str, *, is_javascript: bool = False, executable: str = "") -> Trace:
    """Read a trace of any language; text that is none becomes one section with no frames."""
    lines = lines_of(text)
    language = javascript.LANGUAGE if is_javascript else _language(lines)
    if language is None:
        return Trace(UNKNOWN, (_plain(lines),), (0,))
    trace = language.read(lines, executable)
    return trace if trace.sections else Trace(UNKNOWN, (Section(),), (0,))


def _language(lines: Sequence[str]) -> Language | None:
    told = [line for line in lines if line.strip()]
    start = told[:_GLANCED_LINES]
    for language in LANGUAGES:
        # Nearly always the first lines settle it, and the dearer patterns need not be tried.
        if sum(1 for line in start if language.frame.match(line)) >= max(_ENOUGH_FRAMES, len(start) // 2 + 1):
            return language
    best, most = None, 0
    for language in LANGUAGES:
        count = sum(1 for line in told[:_SNIFFED_LINES] if language.frame.match(line))
        if count > most:
            best, most = language, count
    return best


def _plain(lines: Sequence[str]) -> Section:
    told = [line.strip() for line in lines if line.strip()]
    heading = "\n".join(told)
    if not told:
        return Section()
    found = java.FRAME.match(told[0]) is None and _looks_like_error(told[0])
    if found:
        exception, _, message = told[0].partition(":")
        return Section(heading, exception.rpartition(".")[2].strip(), message.strip())
    return Section(heading, "", told[0])


def _looks_like_error(line: str) -> bool:
    kind = line.partition(":")[0]
    return " " not in kind and kind.endswith(("Error", "Exception", "Failure"))
