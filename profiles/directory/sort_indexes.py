"""Orders made fast: an index for one column of one app's list, built beside the traffic and dropped the same way.

DDL, hence not the ORM's: CREATE and DROP INDEX CONCURRENTLY want no transaction, and wait for those that are open. What
a killed build left invalid is dropped before the next try. One at a time, under an advisory lock of the session.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.contrib.auth.models import User
from django.db import DatabaseError, connection, models, transaction
from django.db.models import Q

from profiles.access import audit
from profiles.access.models import App
from profiles.directory.columns import find_column, find_sort
from profiles.directory.models import SortIndex

State = SortIndex.State

MOST_INDEXES: Final = 8  # of an app: each is paid by every write of what it holds
WORTH_IT: Final = 20_000  # users; below, an order is computed in less time than a page takes
_LOCK: Final = 0x736F7274  # "sort"


class IndexRefusedError(ValueError):
    """An index that cannot be had; the message is for the person."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an index is; `share` is known while its table is being read."""

    index: SortIndex
    label: str
    share: float | None

    @property
    def is_under_way(self) -> bool:
        """Whether something is still to happen."""
        return self.index.state in {State.WAITING, State.BUILDING, State.DROPPING}


def label_of(column: str) -> str:
    """Return a column's label."""
    found = find_column(column)
    return found.label if found else column


def ask_index(user: User, app: App, column: str) -> None:
    """Want an index, or want it again after it failed; raise IndexRefusedError."""
    sort = find_sort(column)
    if sort is None or sort.is_indexed:
        raise IndexRefusedError("This order needs no index")
    with transaction.atomic():
        App.objects.select_for_update().get(pk=app.pk)
        wanted = SortIndex.objects.filter(app=app)
        if not wanted.filter(column=column).exists() and wanted.count() >= MOST_INDEXES:
            raise IndexRefusedError(f"An app has at most {MOST_INDEXES} of them: remove one first")
        SortIndex.objects.update_or_create(app=app, column=column, defaults={"state": State.WAITING, "fault": ""})
        audit.record(user, app, audit.Action.APP_CHANGED, f"order by {column}"[:200], {"index": "wanted"})


def drop_index(user: User, app: App, column: str) -> None:
    """Have an index removed."""
    with transaction.atomic():
        if SortIndex.objects.filter(app=app, column=column).update(state=State.DROPPING):
            audit.record(user, app, audit.Action.APP_CHANGED, f"order by {column}"[:200], {"index": "unwanted"})


def indexes_of(app: App) -> list[Progress]:
    """Return the app's indexes and how far they are. Two queries at most."""
    indexes = list(SortIndex.objects.filter(app=app).order_by("asked_at", "pk"))
    shares = _shares() if any(index.state == State.BUILDING for index in indexes) else {}
    return [Progress(index, label_of(index.column), shares.get(index.index_name)) for index in indexes]


def _shares() -> dict[str, float]:
    with connection.cursor() as cursor:
        # By name of the index: how much of its table is read.
        cursor.execute(
            "SELECT c.relname, p.blocks_done::float / p.blocks_total FROM pg_stat_progress_create_index p"
            " JOIN pg_class c ON c.oid = p.index_relid WHERE p.blocks_total > 0"
        )
        return {str(name): float(share) for name, share in cursor.fetchall()}


def work_on_next(now: datetime) -> bool:
    """Build or drop one index that waits; False when there is none, or another worker is at it.

    Outside of transactions. Takes as long as reading the table twice; what was begun and killed is begun anew.
    """
    with _alone() as is_alone:
        if not is_alone:
            return False
        _drop_orphans()
        undone = SortIndex.objects.filter(state__in=[State.WAITING, State.BUILDING, State.DROPPING])
        index = undone.select_related("app").order_by("asked_at", "pk").first()
        if index is None:
            return False
        here = SortIndex.objects.filter(pk=index.pk)
        if index.state == State.DROPPING:
            _drop(index.index_name)
            here.filter(state=State.DROPPING).delete()
            return True
        here.update(state=State.BUILDING)
        try:
            _drop(index.index_name)
            _create(index)
        except DatabaseError as error:
            here.update(state=State.FAILED, fault=str(error).partition("\n")[0][:200])
            return True
        here.filter(state=State.BUILDING).update(state=State.READY, ready_at=now)
        return True


def _create(index: SortIndex) -> None:
    sort = find_sort(index.column)
    if sort is None:
        raise DatabaseError("There is no such column any more")
    model: type[models.Model] = sort.rows.model
    # The same shape as the indexes of the default orders (app, half, value, key), but for one app alone.
    wanted = models.Index(
        "app",
        "is_identified",
        sort.value,
        "user" if sort.key == "user_id" else sort.key,
        name=index.index_name,
        condition=Q(app=index.app_id),
    )
    with connection.schema_editor(atomic=False) as editor:
        editor.execute(wanted.create_sql(model, editor, concurrently=True), params=None)
    with connection.cursor() as cursor:  # what an expression's values are like is known from here on
        cursor.execute(f'ANALYZE "{model._meta.db_table}"')  # noqa: SLF001 - documented


def _drop(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"')


def _drop_orphans() -> None:
    """Drop the indexes of apps that are no more."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'i' AND relname LIKE 'list\\_sort\\_%%'")
        there = {str(name) for (name,) in cursor.fetchall()}
    for name in there - {index.index_name for index in SortIndex.objects.all()} if there else ():
        _drop(name)


@contextmanager
def _alone() -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        is_alone = bool(cursor.fetchone()[0])
    try:
        yield is_alone
    finally:
        if is_alone:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
