"""C#: Unity's log (`Cart:Pay() (at Assets/Cart.cs:42)`), Mono and .NET (`at Shop.Cart.Pay () [0x0] in …`)."""

import re
from collections.abc import Sequence

from profiles.crashes.traces.frames import Frame, Language, Section, Trace, basename

NAME = "C#"
_NET = (
    r"\s*at (?:\(wrapper [\w\-]{1,40}\) )?(?P<net>[\w.+<>`\[\],|/$:@\-]{1,400}?)(?: ?\((?P<arguments>[^"
    r"()]{0,400}(?:\([^()]{0,200}\))?[^()]{0,200})\))"
    r"(?: ?\[0x[0-9a-fA-F]+\])?(?: in (?P<place>.{1,400}))?\s*$"
)
_UNITY = (
    r"(?P<unity>[\w.+<>`\[\],|/$@]{1,300}[.:][\w<>`|$.\[\]]{1,200}) ?\([^()]{0,400}\)(?: ?\(at (?P<at>[^"
    r"()]{1,400})\))?\s*$"
)
FRAME = re.compile(f"{_NET}|{_UNITY}")
_HEADING = re.compile(
    r"(?:Unhandled (?:e|E)xception[.:]? ?)?(?:Rethrow as )?(?P<type>(?:[\w`]{1,100}\.){0,20}[\w`]{1,100}"
    r"(?:Exception|Error|Failure))"
    r"(?:: ?(?P<message>.*))?$"
)
_INNER = " ---> "
_END_OF_INNER = re.compile(r"\s*--- End of inner exception stack trace ---")
_SAME_TRACE = re.compile(r"\s*--- End of stack trace from previous location")

_FOREIGN = re.compile(
    r"(?:System|Microsoft|Mono|UnityEngine|UnityEditor|Unity|TMPro|Cysharp|UniRx|DG\.Tweening|Newtonsoft"
    r"|Zenject|Xamarin|Java|Android"
    r"|AndroidX|Foundation|UIKit|ObjCRuntime|Interop|Countly|Plugins\.Countly|Plugins\.CountlySDK|Google"
    r"|Firebase|Facebook)(?:\.|:)"
    r"|\(wrapper|Cysharp"
)
_ASYNC = re.compile(r"[+/.]<(?P<name>[\w.]+)>(?:d__|c__Iterator|c__AnonStorey)[\w`]*[.:]MoveNext$")
_LAMBDA = re.compile(r"(?:[+/.]<>c(?:__DisplayClass[\w]+)?)?[.:]<(?P<name>[\w.]+)>[bg]__[\w|`]+$")
_GENERIC = re.compile(r"`\d+(?:\[[^\]]*\])?|\[[^\]]*\]|<[^<>]*>")
_MODULE_ID = re.compile(r"<[0-9a-f#]{4,}>:?\d*")


def read(lines: Sequence[str], executable: str) -> Trace:
    """Read the lines of a trace. .NET prints the inner exceptions' frames first, after all the headings in o"
    "ne line."""
    del executable
    headings: list[str] = []
    runs: list[list[Frame]] = [[]]
    for line in lines:
        if _SAME_TRACE.match(line):
            continue
        if _END_OF_INNER.match(line):
            runs.append([])
        elif found := FRAME.match(line):
            runs[-1].append(_frame(line, found))
        elif line.strip():
            if any(runs) and line.startswith("Rethrow as "):
                runs.append([])
            headings.append(line)
    parts = "\n".join(headings).split(_INNER)
    if len(parts) == 1:
        parts = [*reversed(_rethrown(parts[0]))]
    innermost_first = list(reversed(parts))
    sections = []
    for index, frames in enumerate(runs):
        heading = innermost_first[index] if index < len(innermost_first) else ""
        sections.append(_section(heading, frames))
    return Trace(NAME, tuple(sections), tuple(range(len(sections))))


def _rethrown(heading: str) -> list[str]:
    # Unity logs the cause, then "Rethrow as Outer: message" with the frames of the outer one.
    return re.split(r"\n(?=Rethrow as )", heading)


def _section(heading: str, frames: Sequence[Frame]) -> Section:
    first, _, rest = heading.partition("\n")
    found = _HEADING.match(first.strip())
    if not found:
        return Section(heading, "", first.strip(), tuple(frames))
    message = f"{found['message'] or ''} {rest}".strip()
    return Section(heading, found["type"].rpartition(".")[2], message, tuple(frames))


def _frame(line: str, found: re.Match[str]) -> Frame:
    name = (found["net"] or found["unity"]).strip()
    place = _MODULE_ID.sub("", found["place"] or found["at"] or "").strip()
    plain = _ASYNC.sub(lambda part: "." + part["name"], name)
    plain = _LAMBDA.sub(lambda part: "." + part["name"], plain)
    plain = _GENERIC.sub("", plain).replace(":", ".").replace("+", ".").replace("/", ".")
    parts = plain.replace("..ctor", ".new").replace("..cctor", ".new").split(".")
    return Frame(
        text=line.strip(),
        function=".".join(parts[-2:]),
        place=basename(place),
        is_app_code=not (_FOREIGN.match(name) or "(wrapper" in line or "/PackageCache/" in place),
        key=".".join(parts),
    )


LANGUAGE = Language(NAME, FRAME, read)
