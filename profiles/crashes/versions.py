"""Which of two version names is the newer one. Pure."""

import re
from collections.abc import Iterable
from itertools import zip_longest

_PART = re.compile(r"[0-9]+|[A-Za-z]+")
_BUILD = re.compile(r"\+.*$")
_LONGEST = 100
_LONGEST_NUMBER = 18

# A part sorts by kind first: 1.0-beta < 1.0 < 1.0.1.
_WORD, _END, _NUMBER = 0, 1, 2
_Part = tuple[int, int, str]
_NOTHING: _Part = (_END, 0, "")


def _parts(version: str) -> list[_Part]:
    plain = _BUILD.sub("", version[:_LONGEST].strip()).removeprefix("v").removeprefix("V")
    parts: list[_Part] = []
    for part in _PART.findall(plain):
        if part.isdigit():
            parts.append((_NUMBER, int(part[:_LONGEST_NUMBER]), ""))
        else:
            _drop_zeros(parts)
            parts.append((_WORD, 0, part.casefold()))
    _drop_zeros(parts)
    return parts


def _drop_zeros(parts: list[_Part]) -> None:
    # 2.0 is 2, and 2.0-rc is 2-rc.
    while parts and parts[-1] == (_NUMBER, 0, ""):
        parts.pop()


def is_newer(version: str, than: str) -> bool:
    """Say whether a version is newer than another: by numbers, a word (beta, rc) before its release, `+build` aside.

    Whatever has no number and no word, such as the empty text, is older than everything else.
    """
    first, second = _parts(version), _parts(than)
    if not second:
        return bool(first)
    if not first:
        return False
    for left, right in zip_longest(first, second, fillvalue=_NOTHING):
        if left != right:
            return left > right
    return False


def version_order(version: str) -> tuple[_Part, ...]:
    """Return what versions are sorted by, the oldest first; it agrees with `is_newer` but for the empty text."""
    parts = _parts(version)
    return (*parts, _NOTHING) if parts else ()


def newest(versions: Iterable[str]) -> str:
    """Return the newest of the versions, the first one of equals; empty if there is none."""
    best = ""
    for version in versions:
        if not best or is_newer(version, best):
            best = version
    return best
