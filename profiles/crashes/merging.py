"""Groups merged and split by hand. A merge is one column: no occurrence moves, so it costs and loses nothing.

What counts a user twice or once is decided here and in `services.record`; both hold the lock of merges, so that neither
counts by what the other one is changing.
"""

from typing import Final

from django.db import connection, transaction
from django.db.models import Q

from profiles.crashes.models import CrashDay, CrashGroup, CrashVersion
from profiles.crashes.versions import newest

MOST_MEMBERS: Final = 50

# First half of the advisory lock; its second half is 0.
_MERGES_LOCK = 0x6372_6D67  # "crmg"

# Over the members: users from the index crash_user_group, first and last from crash_group_occurrences.
_RECOUNT = """
UPDATE profiles_crashgroup g SET
    users_count = (SELECT count(DISTINCT user_id) FROM profiles_crashuser WHERE group_id = ANY(%(members)s)),
    first_seen_at = coalesce((SELECT min(c.at) FROM unnest(%(members)s::bigint[]) AS m (id) CROSS JOIN LATERAL (
        SELECT occurred_at AS at FROM profiles_crash WHERE group_id = m.id ORDER BY occurred_at LIMIT 1
    ) c), g.first_seen_at),
    last_seen_at = coalesce((SELECT max(c.at) FROM unnest(%(members)s::bigint[]) AS m (id) CROSS JOIN LATERAL (
        SELECT occurred_at AS at FROM profiles_crash WHERE group_id = m.id ORDER BY occurred_at DESC LIMIT 1
    ) c), g.last_seen_at)
WHERE g.id = %(group)s
"""


class MergeError(ValueError):
    """What cannot be merged or split; the message is for the person who tried."""


def keep_merges() -> None:
    """Wait until nobody merges, and keep it so until the transaction ends. Many may keep it at once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, 0)", [_MERGES_LOCK])


def _change_merges() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [_MERGES_LOCK])


@transaction.atomic
def merge(*, group: CrashGroup, others: list[CrashGroup]) -> None:
    """Make one group stand for others as well; whatever is merged into those comes along. Raises MergeError.

    Keeps its own title and state. Counts users anew: that, and nothing else, takes longer for larger groups.
    """
    _change_merges()
    ids = {other.pk for other in others}
    if not ids or group.pk in ids:
        raise MergeError("A crash can be merged with others only.")
    together = CrashGroup.objects.filter(pk__in=[group.pk, *ids], app=group.app_id, merged_into=None)
    if together.count() != len(ids) + 1:
        raise MergeError("One of them is merged into another one already: split it off first.")
    joining = CrashGroup.objects.filter(Q(pk__in=ids) | Q(merged_into__in=ids))
    if joining.count() + len(member_ids(group)) > MOST_MEMBERS:
        raise MergeError(f"One crash can stand for {MOST_MEMBERS} at most.")
    joining.update(merged_into=group)
    _recount(group)


@transaction.atomic
def split(*, group: CrashGroup, member: CrashGroup) -> None:
    """Take one group out of those that another stands for; it is again as it was. Raises MergeError."""
    _change_merges()
    member.refresh_from_db(fields=["merged_into"])
    if member.merged_into_id != group.pk:
        raise MergeError("That crash is not merged into this one.")
    member.merged_into = None
    member.save(update_fields=["merged_into"])
    _recount(group)
    _recount(member)


def member_ids(group: CrashGroup) -> list[int]:
    """Return the ids of the groups that are counted in this one, its own first. One query."""
    return [group.pk, *CrashGroup.objects.filter(merged_into=group).order_by("id").values_list("id", flat=True)]


def _recount(group: CrashGroup) -> None:
    CrashGroup.objects.select_for_update(no_key=True).get(pk=group.pk)
    members = member_ids(group)
    with connection.cursor() as cursor:
        cursor.execute(_RECOUNT, {"members": members, "group": group.pk})
    group.refresh_from_db()
    group.occurrences_count = sum(CrashDay.objects.filter(group__in=members).values_list("count", flat=True))
    versions = CrashVersion.objects.filter(group__in=members).order_by("app_version")
    group.latest_version = newest(versions.values_list("app_version", flat=True))
    group.save(update_fields=["occurrences_count", "latest_version"])
