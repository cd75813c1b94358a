"""What apps keep for some days only: events, and users who stay away. Raw requests are `ingest.tasks`' to forget.

Every step is one transaction. Events are deleted user by user, along their key, once a day, so that no index by app has
to be paid for by every event; users are found by the index of last seen.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from profiles.access import audit
from profiles.access.models import App
from profiles.bulk import array_literal
from profiles.privacy.forgetting import forget
from profiles.privacy.models import Retention
from profiles.users.models import AppUser, UserActivity

USERS_PER_BATCH: Final = 500


def work(now: datetime) -> bool:
    """Do the next step of some app; False when nothing is kept too long."""
    apps = App.objects.filter(erasing="")
    steps = [
        (forget_inactive, apps.exclude(users_kept_days=None)),
        (delete_old_events, apps.exclude(events_kept_days=None)),
    ]
    return any(step(app, now) for step, kept in steps for app in kept.order_by("id"))


@transaction.atomic
def forget_inactive(app: App, now: datetime) -> bool:
    """Delete some users who were not seen for as long as the app keeps them; False when there are none.

    They leave no tombstones: who comes back begins anew, with whatever the device still has.
    """
    if app.users_kept_days is None:
        return False
    before = now - timedelta(days=app.users_kept_days)
    ids: list[UUID] = []
    for is_identified in (True, False):  # each half has its part of the index
        away = UserActivity.objects.filter(app=app, is_identified=is_identified, last_seen_at__lt=before)
        ids += away.order_by("last_seen_at").values_list("user_id", flat=True)[:USERS_PER_BATCH]
    forgotten = forget(app, ids, now, may_come_back=True)
    if forgotten.users:
        detail = {"users": forgotten.users, "not seen for days": app.users_kept_days}
        audit.record(None, app, audit.Action.DELETED, "inactive users", detail)
    return forgotten.users > 0


@transaction.atomic
def delete_old_events(app: App, now: datetime) -> bool:
    """Delete old events of the next users of today's walk; False when it is done, or somebody else is at it."""
    if app.events_kept_days is None:
        return False
    today = now.astimezone(ZoneInfo(app.timezone)).date()
    Retention.objects.get_or_create(app=app, defaults={"on": today})
    walk = Retention.objects.select_for_update(skip_locked=True).filter(app=app).first()
    if walk is None or (walk.is_done and walk.on == today):
        return False
    if walk.is_done:
        walk.on, walk.upto, walk.is_done, walk.events = today, None, False, 0
    users = AppUser.objects.filter(app=app)
    if walk.upto is not None:
        users = users.filter(id__gt=walk.upto)
    ids = list(users.order_by("id").values_list("id", flat=True)[:USERS_PER_BATCH])
    if ids:
        before = now - timedelta(days=app.events_kept_days)
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM profiles_event WHERE user_id = ANY(%s::uuid[]) AND occurred_at < %s",
                [array_literal(ids, "uuid"), before],
            )
            walk.events += cursor.rowcount
        walk.upto = ids[-1]
    else:
        walk.is_done = True
    walk.save()
    return True
