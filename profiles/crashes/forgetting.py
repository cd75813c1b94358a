"""Takes users out of the numbers of crash groups before their crashes are deleted.

Raw SQL because each statement counts in the database what it takes off. Days of apps (`AppCrashDay`) keep what they
counted: they say nothing about anybody.
"""

from collections.abc import Collection
from uuid import UUID

from django.db import connection, transaction

from profiles.bulk import array_literal
from profiles.crashes.merging import keep_merges

# By the primary keys of profiles_crash and profiles_crashuser, which are led by the user.
_FORGET_DAYS = """
UPDATE profiles_crashday d SET count = greatest(d.count - n.count, 0)
FROM (
    SELECT c.group_id, (c.occurred_at AT TIME ZONE a.timezone)::date AS "on", count(*) AS count
    FROM profiles_crash c JOIN profiles_app a ON a.id = c.app_id WHERE c.user_id = ANY(%s::uuid[]) GROUP BY 1, 2
) n
WHERE d.group_id = n.group_id AND d."on" = n."on"
"""
_FORGET_VERSIONS = """
UPDATE profiles_crashversion v SET count = greatest(v.count - n.count, 0)
FROM (
    SELECT group_id, app_version, count(*) AS count FROM profiles_crash WHERE user_id = ANY(%s::uuid[]) GROUP BY 1, 2
) n
WHERE v.group_id = n.group_id AND v.app_version = n.app_version
"""
_LOCK_GROUPS = """
SELECT g.id FROM profiles_crashgroup g WHERE g.id IN (
    SELECT coalesce(m.merged_into_id, m.id) FROM profiles_crashuser u JOIN profiles_crashgroup m ON m.id = u.group_id
    WHERE u.user_id = ANY(%s::uuid[])
) ORDER BY g.id FOR UPDATE
"""
_FORGET_USERS = """
UPDATE profiles_crashgroup g SET
    occurrences_count = greatest(g.occurrences_count - n.occurrences, 0),
    users_count = greatest(g.users_count - n.users, 0)
FROM (
    SELECT coalesce(m.merged_into_id, m.id) AS id, count(DISTINCT u.user_id) AS users, sum(u.count) AS occurrences
    FROM profiles_crashuser u JOIN profiles_crashgroup m ON m.id = u.group_id WHERE u.user_id = ANY(%s::uuid[])
    GROUP BY 1
) n
WHERE g.id = n.id
"""


@transaction.atomic(savepoint=False)
def forget_users(user_ids: Collection[UUID]) -> None:
    """Take users out of the numbers of the groups that hit them; their rows are the caller's to delete.

    Callers hold the lock of every user's shard. Locks the groups' rows in the order of their ids.
    """
    keep_merges()
    ids = [array_literal(user_ids, "uuid")]
    with connection.cursor() as cursor:
        for statement in (_FORGET_DAYS, _FORGET_VERSIONS, _LOCK_GROUPS, _FORGET_USERS):
            cursor.execute(statement, ids)
