"""Bots and colleagues: users who are kept, and left out of lists, counts, funnels and ranks. By hand here; by rule in
`ingest.hiding`, which marks who sends something that a rule knows.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction

from profiles.access import audit
from profiles.access.models import App, HiddenUser
from profiles.bulk import array_literal
from profiles.directory.audience import Audience, users_of

MOST_AT_ONCE: Final = 10_000

# The copy of is_identified is what counts of halves are made of.
_HIDE: Final = """
INSERT INTO profiles_hiddenuser (user_id, app_id, is_identified, reason, hidden_at)
SELECT a.user_id, a.app_id, a.is_identified, %s, %s FROM profiles_useractivity a
WHERE a.user_id = ANY(%s::uuid[]) AND a.app_id = %s
ON CONFLICT (user_id) DO NOTHING
"""
_FOLLOW: Final = """
UPDATE profiles_hiddenuser h SET is_identified = a.is_identified FROM profiles_useractivity a
WHERE h.user_id = ANY(%s::uuid[]) AND a.user_id = h.user_id AND a.is_identified <> h.is_identified
"""


class TooManyError(Exception):
    """More users than can be hidden or shown at once."""


@transaction.atomic
def hide(app_id: int, user_ids: Collection[UUID], *, reason: str, now: datetime) -> None:
    """Hide users of an app: two statements."""
    if not user_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(_HIDE, [reason[:200], now, array_literal(sorted(user_ids), "uuid"), app_id])
    App.objects.filter(pk=app_id, hides_users=False).update(hides_users=True)


def follow(user_ids: Iterable[UUID]) -> None:
    """Copy anew whether these users are identified, where they are hidden."""
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOW, [array_literal(sorted(user_ids), "uuid")])


@transaction.atomic
def change(app: App, audience: Audience, *, is_hidden: bool, by: User, now: datetime, address: str = "") -> int:
    """Hide users, or show them again; return how many are meant. Raises TooManyError."""
    ids = list(users_of(app, audience).values_list("id", flat=True)[: MOST_AT_ONCE + 1])
    if len(ids) > MOST_AT_ONCE:
        raise TooManyError
    if is_hidden:
        hide(app.pk, ids, reason=f"by {by.get_username()}", now=now)
    else:
        HiddenUser.objects.filter(app=app, user_id__in=ids).delete()
        App.objects.filter(pk=app.pk).update(hides_users=HiddenUser.objects.filter(app=app).exists())
    subject = f"user {audience.picked[0]}" if len(audience.picked) == 1 else "users"
    detail = {"users": len(ids), "now": "hidden" if is_hidden else "shown"}
    audit.record(by, app, audit.Action.HIDDEN, subject, detail, address=address)
    return len(ids)
