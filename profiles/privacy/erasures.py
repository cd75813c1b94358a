"""Deletions of users: asked for by a person, counted beforehand, worked off in batches that a kill cannot tear.

Each batch is one transaction that deletes some users and moves `upto` behind them; whoever comes next goes on there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction
from django.http import QueryDict

from profiles.access import audit
from profiles.access.models import App
from profiles.directory.audience import Audience, count_users, users_of
from profiles.directory.filters.tree import FilterError
from profiles.privacy.forgetting import forget
from profiles.privacy.holdings import Holding, holdings
from profiles.privacy.models import Erasure

USERS_PER_BATCH: Final = 200
COUNTED_SECONDS: Final = 3.0  # that all counts of a page together may take
_LEAST_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Held:
    """How many rows a table holds on some users; None: more than could be counted in time."""

    holding: Holding
    rows: int | None


def ask(app: App, audience: Audience, *, by: User, now: datetime, address: str = "") -> Erasure:
    """Ask for the deletion of users; beat lets a worker begin in seconds. Who comes after `now` is not meant."""
    with transaction.atomic():
        total = count_users(app, audience)
        erasure = Erasure.objects.create(
            app=app,
            asked=audience.fields(),
            asked_by=by.get_username(),
            asked_at=now,
            users_total=total,
        )
        # A single user is named by the uid; a filter is not quoted, it may hold names.
        subject = f"user {audience.picked[0]}" if len(audience.picked) == 1 else f"users of deletion {erasure.pk}"
        audit.record(by, app, audit.Action.DELETED, subject, {"users": total}, address=address)
    return erasure


def held_on(app: App, audience: Audience, *, seconds: float = COUNTED_SECONDS) -> list[Held]:
    """Count, table by table, what would be deleted; what takes too long is not counted. Changes nothing."""
    counts = []
    left = seconds
    for holding in holdings():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            began = cursor.fetchone()[0]
            rows = _count(holding, app, audience, left) if left > _LEAST_SECONDS else None
            cursor.execute("SELECT extract(epoch FROM clock_timestamp() - %s)", [began])
            left -= float(cursor.fetchone()[0])
        if rows != 0:
            counts.append(Held(holding, rows))
    return counts


def _count(holding: Holding, app: App, audience: Audience, seconds: float) -> int | None:
    """Count the rows that a table holds on users; None when the time is up."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(int(seconds * 1000))])
            users = users_of(app, audience).values("id")
            return holding.rows.filter(**{f"{holding.column}__in": users}).count()
    except OperationalError:
        return None


def work() -> bool:
    """Do the next batch of the oldest deletion; False when there is nothing to do or somebody else is at it."""
    with transaction.atomic():
        erasure = Erasure.objects.select_for_update(skip_locked=True).filter(finished_at=None).order_by("id").first()
        if erasure is None:
            return False
        app = App.objects.filter(pk=erasure.app_id).first()
        if app is None:
            _finish(erasure, "The app was deleted before.")
            return True
        try:
            audience = Audience.read(_parameters(erasure))
        except FilterError as wrong:
            _finish(erasure, f"The filter cannot be read any more: {wrong}")
            return True
        users = users_of(app, audience).filter(created_at__lte=erasure.asked_at)
        if erasure.upto is not None:
            users = users.filter(id__gt=erasure.upto)
        ids = list(users.order_by("id").values_list("id", flat=True)[:USERS_PER_BATCH])
        if ids:
            forgotten = forget(app, ids, erasure.asked_at)
            erasure.upto = ids[-1]
            erasure.users_done += forgotten.users
            erasure.rows = add_rows(erasure.rows, forgotten.rows)
            erasure.save(update_fields=["upto", "users_done", "rows"])
        else:
            _finish(erasure)
        return True


def add_rows(some: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Add numbers of rows by table."""
    return {table: some.get(table, 0) + more.get(table, 0) for table in sorted({*some, *more})}


def _finish(erasure: Erasure, fault: str = "") -> None:
    """Turn a deletion into its receipt, which says nothing about whom it was."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        erasure.finished_at = cursor.fetchone()[0]
    erasure.asked, erasure.upto, erasure.fault = [], None, fault[:200]
    erasure.save(update_fields=["asked", "upto", "finished_at", "fault"])


def _parameters(erasure: Erasure) -> QueryDict:
    parameters = QueryDict(mutable=True)
    for name, value in erasure.asked:
        parameters.appendlist(name, value)
    return parameters
