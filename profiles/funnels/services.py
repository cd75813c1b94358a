"""Writes of funnels: their definitions, and who got how far.

A completion is a function of the stored events: it is computed from them and replaced as a whole, never changed from
what it was. So late events, merges and deletions need nothing more than that the user is computed again.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from profiles.access.models import App
from profiles.activity import staleness
from profiles.activity.models import Stale
from profiles.funnels import sql
from profiles.funnels.models import Funnel, FunnelStep
from profiles.funnels.querysets import definitions, funnels_of

USERS_PER_BATCH = 2_000  # a statement of all funnels: some tenths of a second
# An app with less than this share of all users is computed by lists of its users, for in their key range lie mostly
# the events of others; above it by ranges, in which the database reads whole tables instead of one user after another.
SHARE_FOR_RANGES = 0.25
ROWS_DELETED_AT_ONCE = 10_000


@dataclass(frozen=True)
class StepInput:
    """A step as somebody defines it."""

    event_key: str
    filters: Sequence[dict[str, object]] = ()


# --- Definitions --------------------------------------------------------------------------------


@transaction.atomic
def create_funnel(funnel: Funnel, steps: Sequence[StepInput]) -> None:
    """Store a new funnel with its steps in order. It is computed by `tasks.compute_waiting_funnels`."""
    funnel.save()
    _store_steps(funnel, steps)


@transaction.atomic
def change_funnel(funnel: Funnel, steps: Sequence[StepInput]) -> None:
    """Store a funnel that was changed, with its steps in order; one that counts otherwise is computed again."""
    before = _counted(Funnel.objects.select_for_update().get(pk=funnel.pk))
    funnel.save(update_fields=["name", "description", "window_seconds", "is_same_session", "position"])
    _store_steps(funnel, steps)
    if before != _counted(funnel):
        start_again(funnel)


def _store_steps(funnel: Funnel, steps: Sequence[StepInput]) -> None:
    wanted = [(position, step.event_key, list(step.filters)) for position, step in enumerate(steps, start=1)]
    stored = FunnelStep.objects.filter(funnel=funnel)
    if wanted == list(stored.values_list("position", "event_key", "filters")):
        return
    stored.delete()
    FunnelStep.objects.bulk_create(
        FunnelStep(funnel=funnel, position=position, event_key=key, filters=filters)
        for position, key, filters in wanted
    )


def _counted(funnel: Funnel) -> tuple[object, ...]:
    """Return everything of a funnel that its completions depend on."""
    return (
        funnel.window_seconds,
        funnel.is_same_session,
        list(FunnelStep.objects.filter(funnel=funnel).values_list("position", "event_key", "filters")),
    )


@transaction.atomic
def move_funnel(funnel: Funnel, place: int) -> None:
    """Put a funnel at a place, 0 the first, among the app's; the others keep their order."""
    # Ordered by key: two who move funnels at once wait for each other.
    others = list(Funnel.objects.select_for_update().filter(app=funnel.app_id).order_by("id"))
    others.sort(key=lambda other: (other.position, other.pk))
    others = [other for other in others if other.pk != funnel.pk]
    others.insert(max(0, place), funnel)
    for position, other in enumerate(others):
        other.position = position
    Funnel.objects.bulk_update(others, ["position"])


def start_again(funnel: Funnel) -> None:
    """Ask that the funnel be computed over all history: its completions are those of another definition."""
    # The row, not the object, says what the revision is: another editor may have raised it.
    stored = Funnel.objects.select_for_update().get(pk=funnel.pk)
    funnel.revision = stored.revision + 1
    funnel.computed_users = 0
    funnel.computed_upto = None
    funnel.save(update_fields=["revision", "computed_users", "computed_upto"])


# --- Completions --------------------------------------------------------------------------------


def recompute(funnels: Sequence[Funnel], app: App, users: sql.Users) -> None:
    """Compute and store how far these users got in these funnels of one app. The caller holds `lock_results`."""
    wanted = definitions(funnels)
    if not wanted:
        return
    statement, parameters = sql.replacing(wanted, app, users)
    with connection.cursor() as cursor:
        # Compiling costs more than it saves in statements that run for some tenths of a second.
        cursor.execute("SELECT set_config('jit', 'off', true), set_config('work_mem', '64MB', true)")
        cursor.execute(statement, parameters)


def recompute_users(app: App, user_ids: Collection[UUID]) -> None:
    """Compute how far these users of one app got in all its funnels."""
    with transaction.atomic():
        staleness.lock_results(Stale.Kind.FUNNELS)
        recompute(list(funnels_of([app.pk])), app, sql.Users(ids=user_ids))


def refresh_stale(limit: int = USERS_PER_BATCH) -> int:
    """Compute the funnels of the users who have waited longest, and return how many they were."""
    with staleness.claimed(Stale.Kind.FUNNELS, limit) as users:
        by_app: dict[int, list[UUID]] = defaultdict(list)
        for user_id, app_id in users.items():
            by_app[app_id].append(user_id)
        funnels: dict[int, list[Funnel]] = defaultdict(list)
        if by_app:
            for funnel in funnels_of(by_app):
                funnels[funnel.app_id].append(funnel)
        for app_id, funnels_of_app in funnels.items():
            recompute(funnels_of_app, funnels_of_app[0].app, sql.Users(ids=by_app[app_id]))
        return len(users)


# The keys of the next users of the app in the order of keys. Reads the primary key of the narrow table from where the
# last batch ended; users of other apps are passed over.
_NEXT_USERS = """
SELECT user_id FROM profiles_useractivity
WHERE app_id = %(app_id)s AND (%(after)s::uuid IS NULL OR user_id > %(after)s::uuid)
ORDER BY user_id LIMIT %(limit)s
"""

_SHARE = """
SELECT coalesce((SELECT sum(users) FROM profiles_apptotals WHERE app_id = %(app_id)s), 0)
    / greatest(1, (SELECT sum(users) FROM profiles_apptotals))
"""


def compute_batch(funnel_id: int, revision: int, now: datetime, limit: int) -> bool:
    """Compute the funnel for the next `limit` users in the order of keys; return whether more remain.

    Progress is stored with the result, so that a run that was killed goes on. Of two runs at once each takes the next
    batch. A run of a definition that was changed meanwhile ends.
    """
    with transaction.atomic():
        staleness.lock_results(Stale.Kind.FUNNELS)
        funnel = Funnel.objects.select_for_update(of=("self",)).select_related("app").filter(pk=funnel_id).first()
        if funnel is None or funnel.revision != revision or funnel.computed_revision == revision:
            return False
        values = {"app_id": funnel.app_id, "after": funnel.computed_upto, "limit": limit}
        with connection.cursor() as cursor:
            cursor.execute(_NEXT_USERS, values)
            user_ids = [user_id for (user_id,) in cursor.fetchall()]
            cursor.execute(_SHARE, values)
            is_by_range = cursor.fetchone()[0] >= SHARE_FOR_RANGES
        is_last = len(user_ids) < limit
        if is_by_range:
            users = sql.Users(after=funnel.computed_upto, upto=None if is_last else user_ids[-1])
        else:
            users = sql.Users(ids=user_ids)
        recompute([funnel], funnel.app, users)
        funnel.computed_users += len(user_ids)
        funnel.computed_upto = None if is_last else user_ids[-1]
        if is_last:
            funnel.computed_revision = revision
            funnel.computed_at = now
        funnel.save(update_fields=["computed_users", "computed_upto", "computed_revision", "computed_at"])
        return not is_last


# The funnels that completions speak of, one probe of the index funnel_completion_report each.
_FUNNELS_COMPLETED = """
WITH RECURSIVE spoken AS (
    (SELECT funnel_id FROM profiles_funnelcompletion ORDER BY funnel_id LIMIT 1)
    UNION ALL
    SELECT (SELECT c.funnel_id FROM profiles_funnelcompletion c
            WHERE c.funnel_id > spoken.funnel_id ORDER BY c.funnel_id LIMIT 1)
    FROM spoken WHERE spoken.funnel_id IS NOT NULL
)
SELECT funnel_id FROM spoken
WHERE funnel_id IS NOT NULL AND NOT EXISTS (SELECT FROM profiles_funnel f WHERE f.id = spoken.funnel_id)
"""

_FORGET = """
DELETE FROM profiles_funnelcompletion
WHERE ctid = ANY(ARRAY(SELECT ctid FROM profiles_funnelcompletion WHERE funnel_id = %s LIMIT %s))
"""


def forget_deleted() -> int:
    """Delete some completions of funnels that are no more, and return how many; 0: there are none left."""
    with connection.cursor() as cursor:
        cursor.execute(_FUNNELS_COMPLETED)
        for (funnel_id,) in cursor.fetchall():
            cursor.execute(_FORGET, [funnel_id, ROWS_DELETED_AT_ONCE])
            deleted: int = cursor.rowcount
            if deleted:
                return deleted
    return 0
