"""JavaScript: Chrome and Node (`at pay (app.js:1:2)`), Firefox and Safari (`pay@app.js:1:2`), React Native."""

import re
from collections.abc import Sequence

from profiles.crashes.traces.frames import Frame, Language, Section, Trace, basename

NAME = "JavaScript"
_CHROME = (
    r"\s*at (?:async )?(?:new )?(?:(?P<name>[^()\s][^()]{0,200}?) (?:\[as [^\]]{1,100}\] )?)?"
    r"(?P<open>\()?(?:address at )?(?P<file>[^\s()]{1,400}?):(?P<line>\d{1,9})(?::(?P<column>\d{1,9}))?\)?"
    r"(?: \{)?\s*$"
)
_CHROME_NATIVE = (
    r"\s*at (?:async )?(?:new )?(?P<native>[\w$.<>]{1,200})(?: \[as [^\]]{1,100}\])? \((?:<anonymous>|native"
    r"|index \d+)\)\s*$"
)
_CHROME_EVAL = r"\s*at (?:async )?(?P<evaluated>[^()]{1,200}) \(eval at .{1,400}\)\s*$"
_GECKO = (
    r"\s*(?P<gecko>[^@\s][^@]{0,200})?@(?P<gecko_file>[^\s@]{0,200}/[^\s]{0,400}?|[^\s@:]{1,200})"
    r":(?P<gecko_line>\d{1,9})(?::(?P<gecko_column>\d{1,9}))?\s*$"
)
_GECKO_NATIVE = r"\s*(?P<gecko_native>[^@\s]{0,200})@?\[native code\]\s*$"
_BARE = (
    r"\s*(?P<bare>(?:https?|file|app|capacitor|ionic|webpack)://[^\s()]{1,400}?):(?P<bare_line>\d{1,9}):"
    r"(?P<bare_column>\d{1,9})\s*$"
)
FRAME = re.compile("|".join((_CHROME, _CHROME_NATIVE, _CHROME_EVAL, _GECKO, _GECKO_NATIVE, _BARE)))
_HEADING = re.compile(
    r"\s*(?P<role>Caused by: |\[cause\]: )?(?:Uncaught )?(?:\(in promise\):? ?)?"
    r"(?P<type>[A-Z][\w$]{0,100}(?: \[\w{1,100}\])?|[\w$]{1,100}(?:Error|Exception))(?:: ?(?P<message>.*))?$"
)
_CODE = re.compile(r" \[\w+\]$")

_FOREIGN_PLACE = re.compile(
    r"node_modules|^node:|^internal/|\(internal|^native |^<anonymous>|^\[native|(?:chrome|moz|safari"
    r"(?:-web)?)-extension:"
    r"|webpack/(?:runtime|bootstrap)|webpack-internal:///\./node_modules"
    r"|(?:^|[/.\-_])(?:vendors?|polyfills?|runtime|jquery|react-dom|react|vue|angular|zone|lodash|countly"
    r"|bootstrap|framework"
    r"|gtm|analytics|core-js|next-server|rxjs|chunk-vendors|sentry|recaptcha)(?:[.~\-_@/][\w.~\-@]*)?\.(?:m"
    r"|c)?js(?:$|[?:])"
    r"|googletagmanager|google-analytics|cdn\.jsdelivr|unpkg\.com|cdnjs\.|connect\.facebook"
)
_QUERY = re.compile(r"[?#].*$")
_HASHED = re.compile(
    r"[.\-_~](?=[0-9A-Za-z_\-]{0,40}\d)[0-9A-Za-z_]{6,40}(?=\.)|[.\-][0-9a-f]{6,40}(?=\.)"
    r"|[.\-][A-Z][0-9A-Za-z_\-]{7}(?=\.)"
)
_NAMELESS = re.compile(
    r"(?:.*\.)?<anonymous>$|.*/<$|global code$|module code$|eval code$|anonymous$|eval$|\?$|<global>$|Object\.\d+$"
)
_OWNERS = re.compile(r"^(?:Object|Function|Module|Window|global|globalThis|exports|_this|self|t|e|n|r|this)\.(?=\S)")
_SHORTEST_REAL_NAME = 3  # minifiers hand out one and two letters


def read(lines: Sequence[str], executable: str) -> Trace:
    """Read the lines of a trace; of an error with causes the last cause counts."""
    del executable
    sections: list[Section] = []
    heading, frames = list[str](), list[Frame]()
    for line in lines:
        found = FRAME.match(line)
        if found:
            frames.append(_frame(line, found))
        elif line.strip() and line.strip() not in {"}", "{"}:
            if frames:
                sections.append(_section(heading, frames))
                heading, frames = [], []
            heading.append(line)
    if heading or frames:
        sections.append(_section(heading, frames))
    chain = [0]
    for index, section in enumerate(sections[1:], start=1):
        found = _HEADING.match(section.heading)
        if found and found["role"] and section.frames:
            chain.insert(0, index)
    return Trace(NAME, tuple(sections), tuple(chain))


def _section(heading: Sequence[str], frames: Sequence[Frame]) -> Section:
    first = heading[0] if heading else ""
    found = _HEADING.match(first)
    if found:
        message = " ".join([found["message"] or "", *heading[1:]]).strip()
        return Section("\n".join(heading), _CODE.sub("", found["type"]), message.rstrip("{ "), tuple(frames))
    return Section("\n".join(heading), "", first.strip(), tuple(frames))


def _frame(line: str, found: re.Match[str]) -> Frame:
    native = found["native"] or found["gecko_native"]
    file = found["file"] or found["gecko_file"] or found["bare"] or ""
    if native is not None or not file:
        name = native or found["evaluated"] or ""
        return Frame(line.strip(), name, "", is_app_code=False, key=name)
    number = found["line"] or found["gecko_line"] or found["bare_line"]
    name = (found["name"] or found["gecko"] or "").removeprefix("async* ").removeprefix("async*").strip()
    name = "" if _NAMELESS.match(name) else _OWNERS.sub("", name)
    path = _HASHED.sub("", _file_name(_QUERY.sub("", file)))
    last = name.split("/", 1)[0].rpartition(".")[2] or name
    key = f"{last}@{path}" if len(last) >= _SHORTEST_REAL_NAME else ""
    return Frame(
        text=line.strip(),
        function=name,
        place=f"{_file_name(_QUERY.sub('', file))}:{number}",
        is_app_code=not _FOREIGN_PLACE.search(_QUERY.sub("", file)),
        key=key,
        build_key="" if key else path,
    )


def _file_name(path: str) -> str:
    name = basename(path)
    if name.startswith("index.") and name.endswith((".js", ".ts", ".tsx", ".mjs", ".jsx")):
        # Every folder has an index.js; the folder tells which.
        folder = basename(path.rpartition("/")[0])
        return f"{folder}/{name}" if folder and ":" not in folder else name
    return name or path


LANGUAGE = Language(NAME, FRAME, read)
