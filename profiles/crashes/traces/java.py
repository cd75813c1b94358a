"""Java and Kotlin, Android above all: `at com.shop.Cart.pay(Cart.java:42)`, root cause last."""

import re
from collections.abc import Sequence

from profiles.crashes.traces.frames import Frame, Language, Section, Trace

NAME = "Java"
FRAME = re.compile(
    r"\s*at (?:[\w.\-@]{1,80}/){0,2}(?P<owner>[\w$.\-]{1,300})\.(?P<method>[\w$<>\-]{1,200})"
    r"\((?P<place>[\w$.\-]{1,200}\.(?:java|kt|kts|scala|groovy)(?::\d+)?|Unknown Source(?::\d+)?|Native Method"
    r"|SourceFile|Proguard|<generated>|[\w\-]{0,200}:\d+)\)"
)
_MORE = re.compile(r"\s*\.\.\. \d+ (?:more|common frames omitted)")
_HEADING = re.compile(
    r"(?P<indent>\s*)(?P<role>Caused by: |Suppressed: |Exception in thread \"[^\"]{0,200}\" |FATAL EXCEPTION: )?"
    r"(?P<type>(?:[\w$]{1,100}\.){1,20}[\w$]{1,100}|[A-Z][\w$]{0,100}(?:Exception|Error|Throwable))"
    r"(?:: ?(?P<message>.*))?$"
)

# Code that ships with the system or with well-known libraries; all else is the app's.
_FOREIGN = re.compile(
    r"(?:android|androidx|com\.android|dalvik|libcore|java|javax|jdk|sun|com\.sun|kotlin|kotlinx|scala|groovy"
    r"|com\.google\.(?:android|firebase|gson|common|protobuf|dagger|ads|accompanist)|com\.squareup|okhttp3"
    r"|okio|retrofit2|dagger"
    r"|io\.reactivex|rx|io\.netty|io\.ktor|io\.grpc|org\.(?:json|apache|junit|slf4j|xml|w3c|chromium|xmlpull|koin)"
    r"|com\.bumptech\.glide|coil|coil3|com\.facebook|com\.airbnb|com\.fasterxml|io\.flutter|com\.unity3d|timber"
    r"|ly\.count|com\.samsung|com\.sec|com\.miui|com\.huawei|com\.mediatek|de\.robv\.android|org\.springframework"
    r"|leakcanary|curtains|net\.sqlcipher|io\.realm|com\.swmansion|expo\.modules|junit)\."
)
_SYNTHETIC = re.compile(
    r"\$\$(?:External|Internal)Synthetic\w+|\$\$Lambda.*|^-?\$\$Lambda\$|\$\d+(?=\$|$)|\$lambda-?\d*(?=\$|$)"
    r"|\$sam\$.*"
)
_METHOD = re.compile(r"^lambda\$(.+?)\$\d+$|^(.+?)\$lambda[\-$]\d+$|^(.+?)-[\w]{7}$|^access\$(\w+?)(?:\$p)?$")
_TRAMPOLINES = frozenset({"invokeSuspend", "invoke", "run", "onClick", "accept", "call", "apply"})


def read(lines: Sequence[str], executable: str) -> Trace:
    """Read the lines of a trace: the exception, its causes, what was suppressed, other threads."""
    del executable
    sections: list[Section] = []
    chain: list[int] = []
    heading, frames = "", list[Frame]()
    is_chain_over = is_suppressed = False

    def close() -> None:
        nonlocal heading, frames
        if heading or frames:
            sections.append(_section(heading, frames))
        heading, frames = "", []

    for line in lines:
        if FRAME.match(line) or _MORE.match(line):
            if not frames and not is_chain_over and not is_suppressed:
                chain.append(len(sections))
            frames.append(_frame(line))
            continue
        if not line.strip():
            continue
        found = _HEADING.match(line)
        role = found["role"] if found else None
        if frames:
            close()
            is_caused = role == "Caused by: " and not (found and found["indent"])
            is_suppressed = role == "Suppressed: " or (is_suppressed and role == "Caused by: " and not is_caused)
            is_chain_over = is_chain_over or role is None
        heading = f"{heading}\n{line}" if heading else line
    close()
    return Trace(NAME, tuple(sections), tuple(reversed(chain)) or (0,))


def _section(heading: str, frames: Sequence[Frame]) -> Section:
    lines = heading.split("\n")
    for index, line in enumerate(lines):
        found = _HEADING.match(line)
        if found:
            message = " ".join([found["message"] or "", *lines[index + 1 :]]).strip()
            kind = found["type"].rpartition(".")[2].rpartition("$")[2]
            return Section(heading, kind, "" if message == "null" else message, tuple(frames))
    return Section(heading, "", heading, tuple(frames))


def _frame(line: str) -> Frame:
    found = FRAME.match(line)
    if found is None:
        return Frame(line.strip())
    owner = _SYNTHETIC.sub("", found["owner"]).rstrip("$.")
    method = _plain_method(found["method"])
    function = f"{owner.rpartition('.')[2]}.{method}"
    if method in _TRAMPOLINES and "$" in function:
        # Lambdas and coroutines: CheckoutViewModel$pay.invokeSuspend is pay's own code.
        function = function.rpartition(".")[0].replace("$", ".")
    return Frame(
        text=line.strip(),
        function=function.replace("$", "."),
        place=found["place"],
        is_app_code=not _FOREIGN.match(found["owner"] + "."),
        key=f"{owner}.{method}",
    )


def _plain_method(method: str) -> str:
    found = _METHOD.match(method)
    if not found:
        return method
    return next(group for group in found.groups() if group)


LANGUAGE = Language(NAME, FRAME, read)
