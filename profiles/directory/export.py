"""The list as a file: the users, columns and order of one view, as CSV or as lines of JSON, without a cap.

The keys are read in the list's order through a cursor of the server, the rows of each chunk by their keys: memory stays
flat, and the first line leaves before the last user is found.
"""

import csv
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KeyTransform

from profiles.access import masking
from profiles.access.models import App
from profiles.directory.audience import Audience
from profiles.directory.columns import Column, Export
from profiles.directory.querysets import ordered_keys
from profiles.directory.sorts import Sort
from profiles.users.models import AppUser

CHUNK: Final = 2000  # users: some hundred kilobytes
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_PLAIN_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")

UID = Export("uid", "User id", ("uid",))


class Format(StrEnum):
    """How a file is written."""

    CSV = "csv"
    JSON_LINES = "jsonl"

    @property
    def content_type(self) -> str:
        """The type that a browser is told."""
        return {Format.CSV: "text/csv; charset=utf-8", Format.JSON_LINES: "application/x-ndjson"}[self]

    @property
    def label(self) -> str:
        """The words on the page."""
        return {Format.CSV: "CSV, for spreadsheets", Format.JSON_LINES: "JSON lines, for programs"}[self]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a file holds of each user: the short id first, then what the columns show."""

    exports: tuple[Export, ...]

    @classmethod
    def of(cls, columns: Sequence[Column]) -> "Sheet":
        """Return the sheet of a list's columns, each value once."""
        exports = [UID, *(export for column in columns for export in column.exports)]
        return cls(tuple({export.name: export for export in exports}.values()))


def write_lines(
    app: App,
    audience: Audience,
    columns: Sequence[Column],
    sort: Sort,
    *,
    is_descending: bool,
    form: Format,
    progress: Callable[[int], object] = lambda _: None,
) -> Iterator[bytes]:
    """Give a file piece by piece; tell `progress` how many users are in it so far. One transaction, read only."""
    sheet = Sheet.of(columns)
    written = 0
    if form is Format.CSV:
        yield _csv([[export.label for export in sheet.exports]])
    with transaction.atomic():
        keys = ordered_keys(app, audience, sort, is_descending=is_descending, chunk=CHUNK)
        while chunk := list(islice(keys, CHUNK)):
            rows = _rows(chunk, sheet)
            yield _csv(map(_harmless_row, rows)) if form is Format.CSV else _json_lines(sheet, rows)
            written += len(rows)
            progress(written)


def _rows(ids: Sequence[UUID], sheet: Sheet) -> list[list[Any]]:
    """Read what a chunk of users shows, in the order of their keys: one query. Who is gone is left out."""
    paths = [path for export in sheet.exports for path in export.paths]
    masks = masking.current()
    by_id = {
        row[0]: (row[0], *(masks.value(_name(path), value) for path, value in zip(paths, row[1:], strict=True)))
        for row in AppUser.objects.filter(pk__in=ids).values_list("id", *paths)
    }
    cells = []
    at = 1
    for export in sheet.exports:
        cells.append((at, at + len(export.paths), export.cell))
        at += len(export.paths)
    return [
        [cell(*row[first:last]) if cell else row[first] for first, last, cell in cells]
        for key in ids
        if (row := by_id.get(key)) is not None
    ]


def _name(path: str | Combinable) -> str:
    """Return what a path reads, as masks know it."""
    return f"{masking.CUSTOM}.{path.key_name}" if isinstance(path, KeyTransform) else str(path)


def _csv(rows: Any) -> bytes:
    text = StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _json_lines(sheet: Sheet, rows: list[list[Any]]) -> bytes:
    names = [export.name for export in sheet.exports]
    return "".join(f"{_ENCODER.encode(dict(zip(names, row, strict=True)))}\n" for row in rows).encode()


# The standard library's: others refuse the long integers that custom properties may be.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _harmless_row(row: list[Any]) -> list[Any]:
    return [harmless(value) if isinstance(value, str) else _cell(value) for value in row]


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        return _ENCODER.encode(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: behind an apostrophe, where it begins like one.

    A plain number stays as it is.
    """
    if text.startswith(FORMULA_STARTS) and not _PLAIN_NUMBER.fullmatch(text):
        return "'" + text
    return text
