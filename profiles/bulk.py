"""Many rows in one statement: COPY to insert, unnest to upsert.

Raw SQL because a batch of ingest is the unit of work: a thousand rows cost one round trip, and Django's bulk_create
spends longer on building its statement than PostgreSQL on running it. Table and column names come from the code
that declares a `BulkTable`; values only ever travel as COPY data or as parameters.
"""

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.db import connection

_encode_json = msgspec.json.Encoder().encode


def _plain(value: Any) -> str:
    return str(value)


def _moment(value: Any) -> str:
    text: str = value.isoformat()
    return text


def _boolean(value: Any) -> str:
    return "t" if value else "f"


def _json(value: Any) -> str:
    return _encode_json(value).decode()


def _bytes(value: Any) -> str:
    return "\\x" + bytes(value).hex()


_TO_TEXT: dict[str, Callable[[Any], str]] = {
    "uuid": _plain,
    "bigint": _plain,
    "integer": _plain,
    "smallint": _plain,
    "double precision": repr,
    "boolean": _boolean,
    "timestamptz": _moment,
    "date": _moment,
    "text": _plain,
    "jsonb": _json,
    "bytea": _bytes,
}
_NEEDS_ESCAPE = frozenset({"text", "jsonb", "bytea"})
_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_ARRAY_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"'})


def _copy_values(values: Iterable[Any], kind: str) -> list[str]:
    to_text = _TO_TEXT[kind]
    if kind in _NEEDS_ESCAPE:
        return [
            "\\N" if v is None else to_text(v).translate(_COPY_ESCAPES) for v in values
        ]
    return ["\\N" if v is None else to_text(v) for v in values]


def array_literal(values: Iterable[Any], kind: str) -> str:
    """Return values as the text of a PostgreSQL array of `kind`, to be passed as one parameter."""
    to_text = _TO_TEXT[kind]
    if kind in _NEEDS_ESCAPE:
        items = (
            "NULL" if v is None else f'"{to_text(v).translate(_ARRAY_ESCAPES)}"'
            for v in values
        )
    else:
        items = ("NULL" if v is None else to_text(v) for v in values)
    return "{" + ",".join(items) + "}"


@dataclass(frozen=True)
class BulkTable:
    """A table to write in bulk. Rows are tuples in the order of `columns` (name to PostgreSQL type).

    `key` names the primary key's columns. `added` names those columns that an upsert adds to what is there,
    `greatest` and `least` those where the larger or smaller value stays; all others are replaced.
    """

    name: str
    columns: dict[str, str]
    key: tuple[str, ...]
    added: frozenset[str] = frozenset()
    greatest: frozenset[str] = frozenset()
    least: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    _upsert: str = field(init=False, repr=False)
    _copy: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = ", ".join(f'"{column}"' for column in self.columns)
        arrays = ", ".join(f"%s::{kind}[]" for kind in self.columns.values())
        changes = ", ".join(
            self._change(column)
            for column in self.columns
            if column not in {*self.key, *self.kept}
        )
        action = f"DO UPDATE SET {changes}" if changes else "DO NOTHING"
        conflict = ", ".join(f'"{column}"' for column in self.key)
        upsert = f'INSERT INTO "{self.name}" AS t ({names}) SELECT * FROM unnest({arrays}) ON CONFLICT ({conflict}) {action}'
        object.__setattr__(self, "_upsert", upsert)
        object.__setattr__(self, "_copy", f'COPY "{self.name}" ({names}) FROM STDIN')

    def _change(self, column: str) -> str:
        if column in self.added:
            return f'"{column}" = t."{column}" + excluded."{column}"'
        if column in self.greatest:
            return f'"{column}" = greatest(t."{column}", excluded."{column}")'
        if column in self.least:
            return f'"{column}" = least(t."{column}", excluded."{column}")'
        return f'"{column}" = excluded."{column}"'

    def insert(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert new rows by COPY, in the order of the key (fewer index pages touched, one lock order)."""
        if not rows:
            return
        columns = [
            _copy_values(values, kind)
            for values, kind in zip(
                zip(*rows, strict=True), self.columns.values(), strict=True
            )
        ]
        data = "\n".join(map("\t".join, zip(*columns, strict=True))) + "\n"
        with connection.cursor() as cursor:
            cursor.copy_expert(self._copy, io.StringIO(data))

    def upsert(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows or change those whose key is there, in one statement; no key may come twice."""
        if not rows:
            return
        arrays = [
            array_literal(values, kind)
            for values, kind in zip(
                zip(*rows, strict=True), self.columns.values(), strict=True
            )
        ]
        with connection.cursor() as cursor:
            cursor.execute(self._upsert, arrays)
