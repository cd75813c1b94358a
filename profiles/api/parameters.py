"""What a request asks: query string, form and JSON body as one. What the body says goes before the address."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.request import UnreadablePostError
from django.utils.datastructures import MultiValueDictKeyError

from profiles.api.answers import ApiError, unreadable

MOST_ROWS: Final = 1000  # of one answer
ROWS: Final = 50
_JSON: Final = "application/json"
_LARGEST: Final = 2**31


@dataclass(frozen=True, slots=True)
class Page:
    """Which rows of a table are asked for. Offset and number; `echo` comes back as it was sent."""

    offset: int
    length: int
    echo: str
    search: str

    @property
    def end(self) -> int:
        """The offset behind the last row."""
        return self.offset + self.length

    def table(self, rows: list[Any], total: int, found: int | None = None) -> dict[str, Any]:
        """Return the envelope of DataTables around rows: `total` before, `found` after search and filter."""
        return {
            "sEcho": self.echo,
            "iTotalRecords": total,
            "iTotalDisplayRecords": total if found is None else found,
            "aaData": rows,
        }


@dataclass(frozen=True, slots=True)
class Parameters:
    """Values by name: texts, or of a JSON body anything that JSON is."""

    values: Mapping[str, Any]

    @classmethod
    def read(cls, request: HttpRequest) -> "Parameters":
        """Read a request; raises ApiError for a body that is not what it says it is."""
        try:
            values: dict[str, Any] = request.GET.dict()
            if request.method == "POST" and request.content_type == _JSON:
                body = parse_json("body", request.body.decode("utf-8") or "{}")
                if not isinstance(body, dict):
                    raise unreadable("body", "it is no object")
                values |= body
            elif request.method == "POST":
                values |= request.POST.dict()
        except UnicodeDecodeError:
            raise unreadable("body", "it is not UTF-8") from None
        except RequestDataTooBig:
            raise ApiError("The request is too large", 413) from None
        except (UnreadablePostError, MultiValueDictKeyError):
            raise unreadable("body", "it broke off") from None
        return cls(values)

    def text(self, name: str, default: str = "") -> str:
        """Return a value as a text, `default` where there is none."""
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, dict | list):
            raise unreadable(name, "a text is expected")
        text = str(value)
        if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
            raise unreadable(name, "it holds a character that no text has")
        return text

    def json(self, name: str, default: Any = None) -> Any:
        """Return a value that is JSON, written as text or as it is; `default` where there is none."""
        value = self.values.get(name)
        if value is None or value == "":
            return default
        value = parse_json(name, value) if isinstance(value, str) else value
        _check_texts(name, value)
        return value

    def object(self, name: str) -> dict[str, Any] | None:
        """Return a value that is a JSON object, None where there is none."""
        value = self.json(name)
        if value is not None and not isinstance(value, dict):
            raise unreadable(name, "it is no object")
        return value

    def texts(self, name: str) -> list[str]:
        """Return a value that is a JSON array of texts; a single text is one of one."""
        value = self.values.get(name)
        if isinstance(value, str) and value[:1] not in ("[", '"'):
            return [self.text(name)] if value else []
        value = self.json(name, [])
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str) for item in items):
            raise unreadable(name, "it is no array of texts")
        return items

    def number(self, name: str, default: int, *, least: int = 0, most: int = _LARGEST) -> int:
        """Return a whole number, the nearest one that is allowed."""
        text = self.text(name).strip()
        if not text:
            return default
        try:
            number = int(text[:20])
        except ValueError:
            raise unreadable(name, "it is no whole number") from None
        return max(least, min(most, number))

    def flag(self, name: str) -> bool:
        """Tell whether a switch is on: true or 1, and nothing else."""
        return self.text(name).lower() in {"true", "1"}

    def page(self) -> Page:
        """Return which rows of a table are asked for; a length of -1 is as many as one answer holds."""
        length = self.number("iDisplayLength", ROWS, least=-1, most=MOST_ROWS)
        return Page(
            offset=self.number("iDisplayStart", 0),
            length=MOST_ROWS if length < 0 else length,
            echo=self.text("sEcho", "0"),
            search=self.text("sSearch"),
        )


def parse_json(name: str, text: str) -> Any:
    """Parse JSON as the standard has it; raises ApiError."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise unreadable(name, "it is not valid JSON") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _check_texts(name: str, value: Any) -> None:
    """Refuse what the database cannot hold: NUL and lone surrogates, which JSON can write."""
    text = json.dumps(value, ensure_ascii=False)
    if "\\u0000" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise unreadable(name, "it holds a character that no text has")
