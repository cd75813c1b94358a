"""Which tables hold something on a person: found by what columns they have, so that none can be forgotten.

A table whose rows are led by `user_id`, or that points at `AppUser`, holds rows of users. One that is led by
`device_key` alone holds rows of devices: raw requests. `ingest/tests/test_deleting.py` knows every other column that
could name a user.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import QuerySet
from django.db.models.options import Options

from profiles.users.models import AppUser


@dataclass(frozen=True, slots=True)
class Holding:
    """A table, and the column that says whose a row is: a user's key, or a device's."""

    model: type[models.Model]
    column: str
    is_by_device: bool = False
    identity_time: str = ""
    """Of rows that stay with a merged user: the column by whose time `Identity` says whose they are."""

    @property
    def options(self) -> Options[models.Model]:
        """What Django knows of the table."""
        return self.model._meta  # noqa: SLF001 - a documented interface, whatever its name

    @property
    def rows(self) -> QuerySet[models.Model]:
        """All rows of the table."""
        return self.model._default_manager.all()  # noqa: SLF001 - as above

    @property
    def table(self) -> str:
        """The table's name in the database."""
        return self.options.db_table

    @property
    def label(self) -> str:
        """What the table holds, in words."""
        return _plural(str(self.options.verbose_name))


def _plural(word: str) -> str:
    """Return an English plural: Django's own only ever adds an s."""
    if word.endswith("y"):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "sh", "x")) else f"{word}s"


@cache
def holdings() -> tuple[Holding, ...]:
    """Return every table that holds something on users, `AppUser` itself last."""
    found = [holding for model in apps.get_models() if model is not AppUser for holding in _of(model)]
    return (*sorted(found, key=lambda holding: holding.table), Holding(AppUser, "id"))


def _of(model: type[models.Model]) -> Iterator[Holding]:
    options = model._meta  # noqa: SLF001 - as above
    led = {_first_column(options)} | {index.fields[0] for index in options.indexes if index.fields}
    for field in options.concrete_fields:
        if field.related_model is AppUser and field.column:
            yield Holding(model, field.column)
            return
    names = {field.column: field for field in options.concrete_fields}
    for column, is_by_device in (("user_id", False), ("device_key", True)):
        if column in led and isinstance(names.get(column), models.UUIDField):
            yield Holding(model, column, is_by_device, getattr(model, "FOLLOWS_IDENTITY", ""))
            return


def _first_column(options: Options[Any]) -> str:
    key = options.pk
    return str(key.field_names[0]) if isinstance(key, models.CompositePrimaryKey) else key.name
