"""Resets and deletions of whole apps: stage by stage, each step one transaction, so that a kill tears nothing.

First the door closes (`App.erasing`) and the inbox lets go of what waits; then users go in batches, as single ones do;
then what belongs to the app itself. A reset keeps the app, its members, definitions and settings.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.apps import apps
from django.contrib.auth.models import User
from django.db import models, transaction

from profiles import pictures
from profiles.access import audit
from profiles.access.models import App, AppErasure, AppTotals, AuditEntry
from profiles.access.querysets import user_totals
from profiles.activity.models import AppDay
from profiles.crashes.models import AppCrashDay, CrashGroup
from profiles.engagement.models import EngagementDistribution
from profiles.privacy.erasures import add_rows
from profiles.privacy.forgetting import forget
from profiles.privacy.holdings import holdings
from profiles.privacy.models import Erasure
from profiles.users.keys import SHARDS
from profiles.users.locks import lock_shards
from profiles.users.models import AppUser

Kind = AppErasure.Kind
Stage = AppErasure.Stage

USERS_PER_BATCH: Final = 500
# Doors remember for some seconds that the app took data (`ingest.app_keys`).
DOORS_CLOSED_AFTER: Final = timedelta(seconds=15)

# What a reset deletes beside users: what was counted and grouped from their data. Uids go on where they were, so that
# an old address never leads to somebody new; names of events stay, workers may remember their numbers.
COUNTED_FROM_USERS: Final[tuple[type[models.Model], ...]] = (
    AppTotals,
    AppDay,
    AppCrashDay,
    CrashGroup,
    EngagementDistribution,
)
# What outlives its app.
_RECEIPTS: Final = (Erasure, AppErasure, AuditEntry)

_inboxes: list[Callable[[int], int]] = []


class ErasingAlreadyError(Exception):
    """The app is being reset or deleted already."""


def register_inbox(forget_app: Callable[[int], int]) -> None:
    """Say how what waits for an app is deleted; called while the locks of all shards are held, returns how many."""
    _inboxes.append(forget_app)


@transaction.atomic
def ask(app: App, kind: AppErasure.Kind, *, by: User, now: datetime, address: str = "") -> AppErasure:
    """Close the app's door and ask for its reset or deletion; beat lets a worker begin. Raises ErasingAlreadyError."""
    if not App.objects.filter(pk=app.pk, erasing="").update(erasing=kind.value):
        raise ErasingAlreadyError
    erasure = AppErasure.objects.create(
        app_id=app.pk,
        app_public_id=app.public_id,
        app_name=app.name,
        kind=kind,
        asked_by=by.get_username(),
        asked_at=now,
        users_total=user_totals(app).everybody,
    )
    action = audit.Action.APP_RESET if kind is Kind.RESET else audit.Action.APP_DELETED
    audit.record(by, app if kind is Kind.RESET else None, action, app.name, {"app": app.public_id}, address=address)
    return erasure


def work(now: datetime) -> bool:
    """Do the next step of the oldest reset or deletion; False when there is nothing to do right now."""
    with transaction.atomic():
        erasure = AppErasure.objects.select_for_update(skip_locked=True).filter(finished_at=None).order_by("id").first()
        if erasure is None:
            return False
        app = App.objects.filter(pk=erasure.app_id).first()
        if app is None:
            erasure.stage, erasure.finished_at = Stage.DONE, now
        elif erasure.stage == Stage.DRAINING:
            if now < erasure.asked_at + DOORS_CLOSED_AFTER:
                return False
            _drain(app)
            erasure.stage = Stage.USERS
        elif erasure.stage == Stage.USERS:
            _delete_users(app, erasure, now)
        else:
            _delete_rest(app, erasure)
            erasure.stage, erasure.finished_at = Stage.DONE, now
        erasure.save()
        return True


def _drain(app: App) -> None:
    """Delete what waits. Nobody is in the middle of applying some of it: all shards are held."""
    lock_shards(range(SHARDS))
    for forget_app in _inboxes:
        forget_app(app.pk)


def _delete_users(app: App, erasure: AppErasure, now: datetime) -> None:
    """Delete the next users, or go on to the next stage when there are none."""
    ids = list(AppUser.objects.filter(app=app).values_list("id", flat=True)[:USERS_PER_BATCH])
    if not ids:
        erasure.stage = Stage.REST
        return
    forgotten = forget(app, ids, now, may_come_back=True)
    erasure.users_done += forgotten.users
    erasure.rows = add_rows(erasure.rows, forgotten.rows)


def _delete_rest(app: App, erasure: AppErasure) -> None:
    """Delete what was left by users that are no more, and what was counted from them; then perhaps the app itself."""
    rows: dict[str, int] = {}
    for holding in holdings():
        if holding.is_by_device:  # requests that nobody could be found for; the only look at them that has no index
            rows[holding.table] = holding.rows.filter(app=app).delete()[0]
    for model in COUNTED_FROM_USERS:
        rows[model._meta.db_table] = model._default_manager.filter(app=app).delete()[0]  # noqa: SLF001 - documented
    if erasure.kind == Kind.RESET:
        App.objects.filter(pk=app.pk).update(erasing="")
        pictures.forget_all(app.public_id, but=app.icon)  # before the commit, as in `forget`
    else:
        for model in _without_constraint():
            rows[model._meta.db_table] = model._default_manager.filter(app=app).delete()[0]  # noqa: SLF001 - as above
        app.delete()
        pictures.forget_all(app.public_id)
    erasure.rows = add_rows(erasure.rows, {table: number for table, number in rows.items() if number})


def _without_constraint() -> list[type[models.Model]]:
    """Return the tables that name an app and that the database does not empty along with it, users' own aside."""
    theirs = {holding.model for holding in holdings()}
    return [
        model
        for model in apps.get_models()
        if model not in theirs
        and model not in _RECEIPTS
        and any(
            field.related_model is App and not getattr(field, "db_constraint", True)
            for field in model._meta.concrete_fields  # noqa: SLF001 - as above
        )
    ]
