"""Messages of errors without what differs from one occurrence to the next. Pure."""

import re

MASK = "…"
_LONGEST = 1000

# Each pattern is linear: no repeated group within a repeated group, and bounded where two repeats could meet.
_VOLATILE = re.compile(
    r"[A-Za-z][A-Za-z0-9+.\-]{1,20}://[^\s'\"<>()\[\]{}]+"  # addresses
    r"|[\w.+\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63})+"  # e-mail
    r"|(?<![\w])(?:[A-Za-z]:)?(?:[/\\][\w.@$~+%\-]{1,255}){2,64}[/\\]?"  # paths
    r"|\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"
    r"|\b0[xX][0-9a-fA-F]+\b"
    r"|(?<=@)[0-9a-f]{4,16}\b"  # Java's identity hash: View@1a2b3c
    r"|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b"  # IPv4
    r"|\b(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{1,4}\b"  # IPv6
    r"|\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?Z?)?"  # times
    r"|\b(?=[0-9A-Za-z_\-]{0,40}\d)(?=[0-9A-Za-z_\-]{0,40}[A-Za-z])[0-9A-Za-z_\-]{16,}\b"  # tokens
    r"|\b(?=[0-9a-fA-F]{0,40}\d)[0-9a-fA-F]{8,}\b"  # hashes
)
_PAYLOAD = re.compile(r"\{[^{}]*[\"=:][^{}]*\}")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*")
_SPACES = re.compile(r"\s+")

# One error in the words of Chrome, Firefox and Safari. Minified traces have nothing else in common.
_BROWSERS_WORDS = (
    (
        re.compile(r"Cannot (?:read|set) propert(?:y|ies) (?:of|')[^(]{0,200}\((?:reading|setting) '([^']+)'\)"),
        r"no .\1",
    ),
    (re.compile(r"Cannot (?:read|set) property '([^']+)' of (?:undefined|null)"), r"no .\1"),
    (re.compile(r"can't access property \"([^\"]+)\",? .{1,200} (?:is|are) (?:undefined|null)"), r"no .\1"),
    (
        re.compile(r"(?:undefined|null) is not an object \(evaluating '[^']{0,200}?\.?([\w$]+)(?: = [^']*)?'\)"),
        r"no .\1",
    ),
    (re.compile(r"(?:[\w$]{1,80}\.){0,20}([\w$]{1,80}) is not a function.*"), r"\1 is not a function"),
    (re.compile(r"Can't find variable: ([\w$]+)"), r"\1 is not defined"),
)


def mask(message: str) -> str:
    """Return one line of text without addresses, paths, ids, hashes and times; small numbers stay. For titles."""
    return _VOLATILE.sub(MASK, _SPACES.sub(" ", message[:_LONGEST]).strip())


def normalise(message: str) -> str:
    """Return what two occurrences of one error have in common: `mask`, and no numbers and payloads either."""
    return _NUMBER.sub(MASK, _PAYLOAD.sub("{" + MASK + "}", mask(message)))


def normalise_javascript(message: str) -> str:
    """Return the normalised message in words that all browsers share."""
    line = _SPACES.sub(" ", message[:_LONGEST]).strip()
    for pattern, words in _BROWSERS_WORDS:
        line, found = pattern.subn(words, line, count=1)
        if found:
            break
    return normalise(line)
