"""Python: `File "cart.py", line 42, in pay`, outermost first, the exception after the frames."""

import re
from collections.abc import Sequence

from profiles.crashes.traces.frames import Frame, Language, Section, Trace, basename

NAME = "Python"
FRAME = re.compile(r"\s*File \"(?P<file>[^\"]{1,400})\", line (?P<line>\d{1,9})(?:, in (?P<name>.{1,200}?))?\s*$")
_START = re.compile(r"\s*(?:\+ )?(?:Exception Group )?Traceback \(most recent call last\):")
_EXCEPTION = re.compile(r"(?P<type>[A-Za-z_][\w.]{0,200})(?:: ?(?P<message>.*))?$")
_CAUSED = "The above exception was the direct cause"
_CONTEXT = "During handling of the above exception"
_FOREIGN = re.compile(
    r"site-packages|dist-packages|[/\\]lib[/\\]python\d|<frozen|<string>|<__array_function__"
    r"|[/\\]Lib[/\\]\w+\.py|countly"
)
_NAMELESS = frozenset({"<module>", "<lambda>", "<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>"})


def read(lines: Sequence[str], executable: str) -> Trace:
    """Read the lines of a trace. `raise … from` leads back to the root cause; an error while handling one st"
    "ands alone."""
    del executable
    sections: list[Section] = []
    links: list[str] = []
    frames, heading = list[Frame](), ""
    for line in lines:
        stripped = line.strip()
        if stripped.startswith((_CAUSED, _CONTEXT)):
            links.append(_CAUSED if stripped.startswith(_CAUSED) else _CONTEXT)
        elif _START.match(line):
            if frames or heading:
                sections.append(_section(heading, frames))
                frames, heading = [], ""
        elif found := FRAME.match(line):
            frames.append(_frame(line, found))
        elif stripped and (heading or not line.startswith(" ")) and (frames or not sections):
            heading = f"{heading}\n{line}" if heading else line
    if frames or heading:
        sections.append(_section(heading, frames))
    last = len(sections) - 1
    first = last
    while first > 0 and first <= len(links) and links[first - 1] == _CAUSED:
        first -= 1
    return Trace(NAME, tuple(sections), tuple(range(first, last + 1)))


def _section(heading: str, frames: Sequence[Frame]) -> Section:
    first, _, rest = heading.partition("\n")
    found = _EXCEPTION.match(first)
    innermost_first = tuple(reversed(frames))
    if not found:
        return Section(heading, "", heading, innermost_first)
    message = " ".join([found["message"] or "", *rest.split()])
    return Section(heading, found["type"].rpartition(".")[2], message, innermost_first)


def _frame(line: str, found: re.Match[str]) -> Frame:
    name = found["name"] or ""
    module = basename(found["file"]).removesuffix(".py")
    function = module if name in _NAMELESS or not name else f"{module}.{name}"
    return Frame(
        text=line.strip(),
        function=function,
        place=f"{basename(found['file'])}:{found['line']}",
        is_app_code=not _FOREIGN.search(found["file"]),
        key=f"{module}.{name}",
    )


LANGUAGE = Language(NAME, FRAME, read)
