"""Reads the tables of an instance and compares them with the senders' books."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from countly_profiles.faults.book import LAST, TOTAL, TRAIL_PREFIX, Book, Findings, Seen, compare
from countly_profiles.faults.instance import Instance
from profiles.users import keys

_DUPLICATE, _REFUSED = 3, 4

# Totals that are kept while requests come in, beside what the rows say, for each user in whom they differ. Sessions may
# have fewer seconds than the total: a ping that came before any begin of its user counts in no session.
_KEPT_TOTALS = """
    WITH kept AS (
        SELECT a.user_id, a.events_count, a.sessions_count, a.total_seconds, a.is_identified = u.is_identified AS agree,
            coalesce(d.events, 0) AS day_events, coalesce(d.sessions, 0) AS day_sessions,
            coalesce(d.seconds, 0) AS day_seconds
        FROM profiles_useractivity a
        LEFT JOIN profiles_appuser u ON u.id = a.user_id
        LEFT JOIN (
            SELECT user_id, sum(events) AS events, sum(sessions) AS sessions, sum(seconds) AS seconds
            FROM profiles_dailyactivity GROUP BY 1
        ) d USING (user_id)
    ), counted AS (
        SELECT a.user_id,
            (SELECT count(*) FROM profiles_event e WHERE e.user_id = a.user_id) AS events,
            (SELECT count(*) FROM profiles_session s WHERE s.user_id = a.user_id) AS sessions,
            (SELECT coalesce(sum(duration_seconds), 0) FROM profiles_session s WHERE s.user_id = a.user_id) AS seconds
        FROM profiles_useractivity a
    )
    SELECT user_id::text, events_count, events, day_events, sessions_count, sessions, day_sessions,
        total_seconds, day_seconds, seconds, agree
    FROM kept JOIN counted USING (user_id)
    WHERE (events_count, day_events, sessions_count, day_sessions, total_seconds)
        IS DISTINCT FROM (events, events, sessions, sessions, day_seconds)
        OR seconds > total_seconds OR agree IS NOT TRUE
"""
_APP_TOTALS = """
    SELECT t.users, u.users, t.identified, u.identified
    FROM (SELECT coalesce(sum(users), 0) AS users, coalesce(sum(identified), 0) AS identified
          FROM profiles_apptotals WHERE app_id = %(app)s) t,
         (SELECT count(*) AS users, count(*) FILTER (WHERE is_identified) AS identified
          FROM profiles_appuser WHERE app_id = %(app)s) u
    WHERE (t.users, t.identified) IS DISTINCT FROM (u.users, u.identified)
"""


def check(instance: Instance, app_public_id: str, books: Sequence[Book]) -> Findings:
    """Compare everything that these people sent with the tables of an instance whose backlog is empty."""
    user_of = {keys.user_key(app_public_id, book.device_ids[-1]): book for book in books}
    devices = [keys.user_key(app_public_id, device_id) for book in books for device_id in book.device_ids]
    seen = _seen(instance, user_of.keys())
    findings = Findings()
    for user_id, book in user_of.items():
        findings.add(compare(book, seen[user_id]))
    settled = instance.rows(
        "SELECT verdict, reason, count(*) FROM ingest_request WHERE device_key = ANY(%s::uuid[]) GROUP BY 1, 2",
        (list(map(str, devices)),),
    )
    findings.duplicates = sum(times for verdict, _, times in settled if verdict == _DUPLICATE)
    repeats = sum(book.repeats for book in books)
    if findings.duplicates < repeats:
        findings.complaints.append(f"{repeats} repeats were acknowledged, {findings.duplicates} are known as such")
    findings.complaints += [f"{times} refused: {reason}" for verdict, reason, times in settled if verdict == _REFUSED]
    findings.complaints += [f"totals of a user: {row}" for row in instance.rows(_KEPT_TOTALS)]
    (app_id,) = instance.rows("SELECT id FROM profiles_app WHERE public_id = %s", (app_public_id,))[0]
    findings.complaints += [
        f"totals of the app: {row[0]} users kept, {row[1]} there; {row[2]} identified kept, {row[3]} there"
        for row in instance.rows(_APP_TOTALS, {"app": app_id})
    ]
    return findings


def _seen(instance: Instance, user_ids: Iterable[UUID]) -> dict[UUID, Seen]:
    """Read what is there of each user."""
    found: dict[UUID, Seen] = defaultdict(Seen)
    wanted = (list(map(str, user_ids)),)
    for user_id, number in instance.rows(
        "SELECT user_id::text, (segmentation->>'n')::integer FROM profiles_event WHERE user_id = ANY(%s::uuid[])",
        wanted,
    ):
        found[UUID(user_id)].events.append(number)
    for user_id, custom in instance.rows(
        "SELECT id::text, custom FROM profiles_appuser WHERE id = ANY(%s::uuid[])", wanted
    ):
        seen = found[UUID(user_id)]
        seen.total = custom.get(TOTAL, 0)
        seen.last = custom.get(LAST)
        seen.trails = {name: numbers for name, numbers in custom.items() if name.startswith(TRAIL_PREFIX)}
    for user_id, signals in instance.rows(
        "SELECT user_id::text, count(*) FROM profiles_sessionsignal WHERE user_id = ANY(%s::uuid[]) GROUP BY 1", wanted
    ):
        found[UUID(user_id)].signals = signals
    return found
