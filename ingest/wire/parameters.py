"""Parameters of one request, whichever way they came: query, urlencoded or multipart body, JSON body.

They become one flat map of name to text, or to a JSON value where the body was JSON. The query wins over the body. A
name that one source repeats counts as not sent.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

import msgspec

from ingest.wire.values import JsonValue, UnreadableError, decode_json

UNKNOWN_APP_KEY: Final = "[object Object]"
"""What JavaScript, and so Countly, makes of an `app_key` that is no text: a key that no app has."""

_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
_JSON: Final = "application/json"
_TARGET_STARTS: Final = (b"/", b"http://", b"https://")
_BOUNDARY: Final = re.compile(r'boundary\s*=\s*(?:"([^"]{1,256})"|([^\s;,]{1,256}))', re.IGNORECASE)
_PART_NAME: Final = re.compile(rb'[;\s]name\s*=\s*(?:"([^"]*)"|([^\s;]+))', re.IGNORECASE)
_PART_FILE: Final = re.compile(rb"[;\s]filename\*?\s*=", re.IGNORECASE)
# As many as Node, and so Countly, reads. An SDK sends some thirty; ten megabytes of nothing but & must cost nothing.
_MOST_PARAMETERS: Final = 1000
_LONGEST_PART_HEAD: Final = 4096
_ENCODED_JSON: Final = ("%7b", "%7B", "%5b", "%5B")
_PICTURE_STARTS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_decode_text: Final = msgspec.json.Decoder(str).decode


@dataclass(frozen=True, slots=True)
class UploadedPicture:
    """A picture by its content: neither the sent type nor the file name is trusted."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Parameters:
    """What one request says, flat."""

    values: dict[str, JsonValue]
    repeated: int = 0
    """Names that were sent more than once, and are therefore not among `values`."""
    files: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body, undecoded."""

    name: bytes
    content: bytes
    is_file: bool


def query_of(target: bytes) -> bytes:
    """Give the query of a request target; what is only a query stays. (IoT SDKs send the absolute form.)"""
    if target.startswith(_TARGET_STARTS):
        return target.partition(b"?")[2]
    return target.removeprefix(b"?")


def read_parameters(query: bytes, body: bytes, content_type: str) -> Parameters:
    """Read all parameters.

    Bytes that are not UTF-8 become U+FFFD; a body of another type, or a broken one, says nothing.
    """
    asked, repeated = _read_form(query_of(query), wanted=None)
    sent: dict[str, str] = {}
    sent_repeated: set[str] = set()
    files: tuple[bytes, ...] = ()
    body_type = _body_type(content_type) if body else ""
    if body_type == _FORM:
        sent, sent_repeated = _read_form(body, wanted=None)
    elif body_type == _MULTIPART:
        sent, sent_repeated, files = _read_multipart(body, content_type)
    elif body_type == _JSON:
        values = _read_json(body)
        values.update(asked)
        return _parameters(values, repeated, files)
    return _merge(asked, repeated, sent, sent_repeated, files)


def read_some_parameters(query: bytes, body: bytes, content_type: str, wanted: frozenset[str]) -> dict[str, JsonValue]:
    """Read only the wanted parameters: exactly what `read_parameters` finds of them, in a fraction of its time."""
    body_type = _body_type(content_type) if body else ""
    if body_type in (_MULTIPART, _JSON):
        values = read_parameters(query, body, content_type).values
        return {name: values[name] for name in wanted & values.keys()}
    asked, repeated = _read_form(query_of(query), wanted)
    sent: dict[str, str] = {}
    sent_repeated: set[str] = set()
    if body_type == _FORM:
        sent, sent_repeated = _read_form(body, wanted)
    return _merge(asked, repeated, sent, sent_repeated, ()).values


def read_parts(body: bytes, content_type: str) -> Iterator[Part]:
    """Yield the named parts of a multipart body, in order of appearance."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        return
    delimiter = b"--" + (boundary[1] or boundary[2]).encode("utf-8", "replace")
    for piece in body.split(delimiter, _MOST_PARAMETERS + 1)[1 : _MOST_PARAMETERS + 1]:
        if piece.startswith(b"--"):
            return
        head, separator, content = piece.partition(b"\r\n\r\n")
        if not separator:
            head, separator, content = piece.partition(b"\n\n")
        head = head[:_LONGEST_PART_HEAD]
        name = _PART_NAME.search(head)
        if not separator or name is None:
            continue
        content = content.removesuffix(b"\n").removesuffix(b"\r")
        yield Part(name[1] if name[1] is not None else name[2], content, _PART_FILE.search(head) is not None)


def find_picture(files: tuple[bytes, ...], most_bytes: int) -> UploadedPicture | None:
    """Give the first uploaded file whose content is a PNG, JPEG or GIF of acceptable size."""
    for content in files:
        for start, media_type in _PICTURE_STARTS:
            if content.startswith(start) and len(content) <= most_bytes:
                return UploadedPicture(content, media_type)
    return None


def is_multipart(content_type: str) -> bool:
    """Tell whether a body of this type has parts."""
    return _body_type(content_type) == _MULTIPART


def is_form(content_type: str) -> bool:
    """Tell whether a body of this type is urlencoded. One without a type is taken for it."""
    return _body_type(content_type) == _FORM


def _body_type(content_type: str) -> str:
    if content_type in (_FORM, ""):
        return _FORM
    return content_type.partition(";")[0].strip().lower() or _FORM


def _merge(
    asked: dict[str, str], repeated: set[str], sent: dict[str, str], sent_repeated: set[str], files: tuple[bytes, ...]
) -> Parameters:
    for name in sent_repeated:
        del sent[name]
    values: dict[str, JsonValue] = {**sent, **asked}
    return _parameters(values, repeated | (sent_repeated - asked.keys()) if sent_repeated else repeated, files)


def _parameters(values: dict[str, JsonValue], repeated: set[str], files: tuple[bytes, ...]) -> Parameters:
    for name in repeated:
        values.pop(name, None)
    if "app_key" in repeated:
        values["app_key"] = UNKNOWN_APP_KEY
    if "app_key[" in values:
        del values["app_key["]
        values.setdefault("app_key", UNKNOWN_APP_KEY)
    return Parameters(values, len(repeated), files)


def _read_form(form: bytes, wanted: frozenset[str] | None) -> tuple[dict[str, str], set[str]]:
    """Split an urlencoded text into its values and the names that it repeats.

    A name like `app_key[$regex]` is no `app_key`; it is remembered as `app_key[`.
    """
    values: dict[str, str] = {}
    repeated: set[str] = set()
    if not form:
        return values, repeated
    text = form.decode("latin-1")
    plain = text.isascii()
    for pair in text.split("&", _MOST_PARAMETERS)[:_MOST_PARAMETERS]:
        name, _, value = pair.partition("=")
        if "%" in name or "+" in name or not plain:
            name = _unquote(name)
        if name.startswith("app_key["):
            values["app_key["] = ""
        elif not name or (wanted is not None and name not in wanted):
            continue
        elif name in values:
            repeated.add(name)
        elif not plain or "%" in value or "+" in value:
            values[name] = _unquote(value)
        else:
            values[name] = value
    return values, repeated


def _unquote(text: str) -> str:
    """Decode a part of an urlencoded text, given as latin-1, one character a byte.

    Percent-escapes are rewritten as JSON's, because a JSON decoder does in C what `urllib` does escape by escape: eight
    times faster on `events`. What is not valid JSON then (a stray %, a raw control character) takes the slow way.
    """
    if "+" in text:
        text = text.replace("+", " ")
    if "%" in text:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "\\u00")
        try:
            text = _decode_text(f'"{escaped}"')
        except ValueError:
            text = unquote_to_bytes(text.encode("latin-1")).decode("latin-1")
    if text.isascii():
        return text
    return text.encode("latin-1").decode("utf-8", "replace")


def _read_json(body: bytes) -> dict[str, JsonValue]:
    try:
        document = decode_json(body.decode("utf-8", "replace"))
    except UnreadableError:
        return {}
    if not isinstance(document, dict):
        return {}
    return {name: value for name, value in document.items() if value is not None}


def _read_multipart(body: bytes, content_type: str) -> tuple[dict[str, str], set[str], tuple[bytes, ...]]:
    values: dict[str, str] = {}
    repeated: set[str] = set()
    files: list[bytes] = []
    for part in read_parts(body, content_type):
        if part.is_file:
            files.append(part.content)
            continue
        name = part.name.decode("utf-8", "replace")
        if name.startswith("app_key["):
            values["app_key["] = ""
        elif name in values:
            repeated.add(name)
        else:
            values[name] = part.content.decode("utf-8", "replace")
    # The Web SDK up to 26.1 fills the fields of an upload from a text that is already urlencoded: all of them, ids too.
    # Later ones send them as they are, where `%` is only a character: the JSON among them tells which it is.
    if any(value.startswith(_ENCODED_JSON) for value in values.values()):
        values = {name: unquote(value, errors="replace") for name, value in values.items()}
    return values, repeated, tuple(files)
