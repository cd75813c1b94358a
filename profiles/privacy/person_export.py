"""Everything that is held on one person as a zip: each table as JSON and as CSV, and the picture.

Streamed: rows come from a cursor of the database and leave as they are packed, so a person of a million events costs no
more memory than one of ten. The tables are those that a deletion empties (`holdings`).
"""

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import IO, Any, Final
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q, QuerySet

from profiles import pictures
from profiles.access.models import App
from profiles.directory.export import harmless
from profiles.privacy.forgetting import devices_of
from profiles.privacy.holdings import Holding, holdings
from profiles.users.models import AppUser

ROWS_AT_A_TIME: Final = 1000
_NAMES: Final = ("key", "title", "name")  # of what a row points at, the field that says what it is
_READ_ME: Final = """Everything that {app} holds on the user {uid}, as of {at}.

One file per table, as JSON and with the same rows as CSV. Times are in UTC. In CSV, a text that begins like a formula
of a spreadsheet has an apostrophe in front. Raw requests are what the devices sent, as kept for some days.
"""


class _Pipe(io.RawIOBase):
    """A file that zipfile writes to and that is emptied as it fills."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def stream(app: App, user: AppUser, now: datetime) -> Iterator[bytes]:
    """Yield the zip of a user."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("README.txt", _READ_ME.format(app=app.name, uid=user.uid, at=now.isoformat()))
        picture = pictures.load(app.public_id, pictures.name_in(user.picture))
        if picture is not None:
            packed.writestr("picture.jpg", picture)
        for holding in holdings():
            rows, columns = _rows(holding, user.id, now)
            if not rows.exists():
                continue
            name = holding.label.replace(" ", "_")
            for suffix, write in (("json", _json), ("csv", _csv)):
                with packed.open(f"{name}.{suffix}", "w") as file:
                    for _ in write(file, rows, columns):
                        yield pipe.take()
    yield pipe.take()


def _rows(holding: Holding, user_id: UUID, now: datetime) -> tuple[QuerySet[Any, Any], list[str]]:
    """Return a person's rows of a table, as values of columns: of what a row points at, also what it is called."""
    columns: list[str] = []
    called: dict[str, F] = {}
    for field in holding.options.concrete_fields:
        if isinstance(field, models.CompositePrimaryKey) or field.column is None:
            continue
        columns.append(field.attname)
        target = field.related_model
        if isinstance(target, type) and target not in (AppUser, App):
            for name in _NAMES:
                if any(one.name == name for one in target._meta.concrete_fields):  # noqa: SLF001 - documented
                    called[f"{field.name}_{name}"] = F(f"{field.name}__{name}")
                    break
    mine = Q(**{holding.column: user_id})
    if holding.is_by_device:
        for device, until in devices_of([user_id], now).items():
            theirs = Q(user_id=user_id) | Q(stamped_at__lte=until) | Q(stamped_at=None, received_at__lte=until)
            mine |= Q(**{holding.column: device}) & theirs
    return holding.rows.filter(mine).values(*columns, **called), [*columns, *called]


def _json(file: IO[bytes], rows: QuerySet[Any, Any], columns: Sequence[str]) -> Iterator[None]:
    """Write rows as a JSON array, one a line; pause now and then."""
    begin = b"[\n"
    for number, row in enumerate(rows.iterator(ROWS_AT_A_TIME), start=1):
        plain = {name: _plain(row[name]) for name in columns}
        file.write(begin + json.dumps(plain, cls=DjangoJSONEncoder, ensure_ascii=False).encode())
        begin = b",\n"
        if number % ROWS_AT_A_TIME == 0:
            yield
    file.write(b"\n]\n")
    yield


def _csv(file: IO[bytes], rows: QuerySet[Any, Any], columns: Sequence[str]) -> Iterator[None]:
    """Write rows as CSV that no spreadsheet takes for formulas; pause now and then."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for number, row in enumerate(rows.iterator(ROWS_AT_A_TIME), start=1):
        writer.writerow([_cell(row[name]) for name in columns])
        if number % ROWS_AT_A_TIME == 0:
            file.write(_taken(text))
            yield
    file.write(_taken(text))
    yield


def _taken(text: io.StringIO) -> bytes:
    taken = text.getvalue().encode("utf-8", "surrogatepass")
    text.seek(0)
    text.truncate()
    return taken


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: raw requests are bytes."""
    return bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | memoryview) else value


def _cell(value: Any) -> Any:
    value = _plain(value)
    if isinstance(value, dict | list):
        value = json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
    return harmless(value) if isinstance(value, str) else value
