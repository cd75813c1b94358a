"""Many rows in one statement: COPY to insert, unnest to upsert.

Raw SQL because a batch of ingest is the unit of work: a thousand rows cost one round trip, and Django's bulk_create
spends longer on building its statement than PostgreSQL on running it. Table and column names come from the code
that declares a `BulkTable`; values only ever travel as COPY data or as parameters.
"""

import io
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter, methodcaller
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

_encode_json = msgspec.json.Encoder().encode


def _uuid(value: UUID) -> str:
    return f"{value.int:032x}"  # a third of the cost of str


def _boolean(value: Any) -> str:
    return "t" if value else "f"


def _json(value: Any) -> str:
    return _encode_json(value).decode()


def _bytes(value: Any) -> str:
    return r"\\x" + bytes(value).hex()  # the backslash escaped already, alike for COPY and for arrays


_TO_TEXT: dict[str, Callable[[Any], str]] = {
    "uuid": _uuid,
    "bigint": str,
    "integer": str,
    "smallint": str,
    "double precision": repr,
    "boolean": _boolean,
    "timestamptz": methodcaller("isoformat"),
    "date": methodcaller("isoformat"),
    "text": str,
    "jsonb": _json,
    "bytea": _bytes,
}
_IS_TEXT = frozenset({"text", "jsonb"})


def _copy_escaped(text: str) -> str:
    # Four scans that mostly find nothing are several times as fast as one `str.translate`.
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


def _array_escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _copy_values(values: Iterable[Any], kind: str) -> list[str]:
    to_text = _TO_TEXT[kind]
    if kind in _IS_TEXT:
        return ["\\N" if v is None else _copy_escaped(to_text(v)) for v in values]
    return ["\\N" if v is None else to_text(v) for v in values]


def array_literal(values: Iterable[Any], kind: str) -> str:
    """Return values as the text of a PostgreSQL array of `kind`, to be passed as one parameter."""
    to_text = _TO_TEXT[kind]
    if kind in _IS_TEXT:
        items = ["NULL" if v is None else f'"{_array_escaped(to_text(v))}"' for v in values]
    else:
        items = ["NULL" if v is None else to_text(v) for v in values]
    return "{" + ",".join(items) + "}"


def _int_of_first(row: tuple[Any, ...]) -> int:
    number: int = row[0].int  # comparing UUIDs themselves costs ten times as much
    return number


@dataclass(frozen=True, slots=True)
class Part:
    """Some of a user's rows: what was recorded for a device after `after`, up to and with `until`; None is open."""

    recorded_for: UUID
    after: datetime | None = None
    until: datetime | None = None

    @property
    def is_whole(self) -> bool:
        """Tell whether it is everything that was recorded for the device."""
        return self.after is None and self.until is None


@dataclass(frozen=True)
class BulkTable:
    """A table to write in bulk. Rows are tuples in the order of `columns` (name to PostgreSQL type).

    `key` names the primary key's columns. `added` names those columns that an upsert adds to what is there,
    `greatest` and `least` those where the larger or smaller value stays, `kept` those that stay as they were first
    written; all others are replaced. `time` is the column that parts of a history are told by.
    """

    name: str
    columns: dict[str, str]
    key: tuple[str, ...]
    added: frozenset[str] = frozenset()
    greatest: frozenset[str] = frozenset()
    least: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    time: str = ""
    _upsert: str = field(init=False, repr=False)
    _copy: str = field(init=False, repr=False)
    _conflict: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = ", ".join(f'"{column}"' for column in self.columns)
        arrays = ", ".join(f"%s::{kind}[]" for kind in self.columns.values())
        changes = ", ".join(self._change(column) for column in self.columns if column not in {*self.key, *self.kept})
        action = f"DO UPDATE SET {changes}" if changes else "DO NOTHING"
        conflict = "ON CONFLICT ({}) {}".format(", ".join(f'"{column}"' for column in self.key), action)
        upsert = f'INSERT INTO "{self.name}" AS t ({names}) SELECT * FROM unnest({arrays}) {conflict}'  # noqa: S608
        object.__setattr__(self, "_conflict", conflict)
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

    def _by_column(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[tuple[Any, ...], str]]:
        """Return each column's values and type, rows in the order of the key's first column.

        So everybody locks rows in one order, and neighbours land on the same index pages.
        """
        by_first = _int_of_first if next(iter(self.columns.values())) == "uuid" else itemgetter(0)
        ordered = sorted(rows, key=by_first)
        return zip(zip(*ordered, strict=True), self.columns.values(), strict=bool(ordered))

    def insert(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert new rows, by COPY."""
        columns = [_copy_values(values, kind) for values, kind in self._by_column(rows)]
        if columns:
            data = "\n".join(map("\t".join, zip(*columns, strict=True))) + "\n"
            with connection.cursor() as cursor:
                cursor.copy_expert(self._copy, io.StringIO(data))

    def upsert(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert rows or change those whose key is there, in one statement; no key may come twice."""
        arrays = [array_literal(values, kind) for values, kind in self._by_column(rows)]
        if arrays:
            with connection.cursor() as cursor:
                cursor.execute(self._upsert, arrays)

    def move(self, owner: UUID, new_owner: UUID, *, parts: Collection[Part] | None = None) -> None:
        """Give a user's rows to another: all, or some parts.

        Copies and deletes, because the column that rows are distributed by must never be updated. What the new owner
        has by the same key already takes the row in, as an upsert does.
        """
        others = ", ".join(f'"{column}"' for column in self.columns if column != "user_id")
        which = 's."user_id" = %s'
        values: list[Any] = [owner]
        if parts is not None:
            which += f" AND {in_parts('s', self.time)}"
            values += part_arrays(parts)
        with connection.cursor() as cursor:
            cursor.execute(
                f'INSERT INTO "{self.name}" AS t ("user_id", {others})'  # noqa: S608
                f' SELECT %s::uuid, {others} FROM "{self.name}" s WHERE {which} {self._conflict}',
                [new_owner, *values],
            )
            cursor.execute(f'DELETE FROM "{self.name}" s WHERE {which}', values)  # noqa: S608


def in_parts(alias: str, time: str) -> str:
    """Return the condition that a row belongs to one of some parts, given as `part_arrays`; `time` names its column."""
    return (
        "EXISTS (SELECT FROM unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[]) AS p (device, after, until)"
        f' WHERE p.device = {alias}."original_user_id" AND {alias}."{time}" > p.after AND {alias}."{time}" <= p.until)'
    )


def part_arrays(parts: Collection[Part]) -> list[str]:
    """Return parts as the three parameters of `in_parts`."""
    return [
        array_literal((part.recorded_for for part in parts), "uuid"),
        "{" + ",".join("-infinity" if part.after is None else part.after.isoformat() for part in parts) + "}",
        "{" + ",".join("infinity" if part.until is None else part.until.isoformat() for part in parts) + "}",
    ]
