"""Fills an app with a big data set, in the state that ingest would have left: totals equal rows.

Raw SQL: millions of rows are made by PostgreSQL itself from generate_series and a hash of the row's number, so the same
seed makes the same people; only the users' keys are computed here, and sent by COPY. Ids are negative: those of real
requests are not.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from django.db import connection

from profiles.access.models import App, AppTotals, UidCounter
from profiles.activity.models import EventKey, Stale
from profiles.bulk import BulkTable
from profiles.users import keys

EVENT_KEYS: Final = ("Product viewed", "Searched", "Added to cart", "Shared", "Checkout started", "Purchased")
_EVENTS_OF_A_SESSION: Final = 5
_ROWS: Final = 100_000  # in one statement
_USERS: Final = BulkTable(
    "seed_user",
    {"id": "uuid", "n": "bigint", "device_id": "text", "uid": "text"},
    key=("n",),
)

_PREPARE: Final = """
CREATE TEMP TABLE seed_user (id uuid, n bigint PRIMARY KEY, device_id text, uid text);
CREATE TEMP TABLE seed_session (
    j bigint PRIMARY KEY, user_id uuid, started_at timestamptz, seconds integer, events integer
);
CREATE OR REPLACE FUNCTION pg_temp.r(n bigint, k integer) RETURNS double precision LANGUAGE sql IMMUTABLE
    AS 'SELECT (hashint8extended($1, $2 + 1000::bigint * {seed}) & 2147483647) / 2147483648.0::float8';
CREATE OR REPLACE FUNCTION pg_temp.one(choices text[], share double precision) RETURNS text LANGUAGE sql IMMUTABLE
    AS 'SELECT $1[1 + floor($2 * $2 * cardinality($1))::integer]';
"""
_SESSIONS: Final = """
INSERT INTO seed_session
SELECT s.j, u.id,
    date_trunc('hour', now()) - interval '90 days' * power(pg_temp.r(s.j, 2), 1.5) - interval '15 minutes',
    20 + floor(600 * pg_temp.r(s.j, 3))::integer,
    %(events)s / %(sessions)s + (s.j <= %(events)s %% %(sessions)s)::integer
FROM (
    SELECT j, CASE WHEN j <= %(users)s THEN j ELSE 1 + floor(%(users)s * power(pg_temp.r(j, 1), 2))::bigint END AS n
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) j
) s JOIN seed_user u USING (n)
"""
_SAVE_SESSIONS: Final = """
INSERT INTO profiles_session (user_id, started_at, id, original_user_id, app_id, last_signal_at, ended_at,
    duration_seconds, app_version, platform, device, country, city)
SELECT s.user_id, s.started_at, -s.j, s.user_id, u.app_id, s.started_at + s.seconds * interval '1 second',
    s.started_at + s.seconds * interval '1 second', s.seconds, u.app_version, u.platform, u.device, u.country, u.city
FROM seed_session s JOIN profiles_appuser u ON u.id = s.user_id WHERE s.j BETWEEN %(first)s AND %(last)s
"""
_SIGNALS: Final = """
INSERT INTO profiles_sessionsignal (user_id, at, id, original_user_id, begins, seconds, ends, ignore_cooldown)
SELECT s.user_id, s.started_at + k.ends::integer * s.seconds * interval '1 second',
    -s.j - k.ends::integer * %(sessions)s, s.user_id, NOT k.ends, k.ends::integer * s.seconds, k.ends, false
FROM seed_session s, (VALUES (false), (true)) k (ends) WHERE s.j BETWEEN %(first)s AND %(last)s
"""
_EVENTS: Final = """
INSERT INTO profiles_event (user_id, occurred_at, id, original_user_id, received_at, app_id, key_id, count, sum,
    duration_seconds, local_hour, local_weekday, view_id, segmentation)
SELECT s.user_id, t.at, -s.j * 65536 - p, s.user_id, t.at, %(app)s, k.id, 1,
    CASE WHEN k.key = 'Purchased' THEN round((500 * pg_temp.r(s.j * 64 + p, 6))::numeric, 2)::float8 END, NULL,
    extract(hour FROM t.at), extract(dow FROM t.at), NULL,
    jsonb_build_object('category', pg_temp.one('{Shoes,Books,Games,Garden,Toys,Music}', pg_temp.r(s.j * 64 + p, 7)),
        'price', round((200 * pg_temp.r(s.j * 64 + p, 8))::numeric, 2), 'position', p)
FROM seed_session s CROSS JOIN generate_series(0, s.events - 1) p
    CROSS JOIN LATERAL (SELECT s.started_at + s.seconds * (p + 0.5) / s.events * interval '1 second' AS at) t
    JOIN profiles_eventkey k ON k.app_id = %(app)s
        AND k.key = pg_temp.one(%(keys)s, pg_temp.r(s.j * 64 + p, 5))
WHERE s.j BETWEEN %(first)s AND %(last)s
"""
_PROFILES: Final = """
INSERT INTO profiles_appuser (id, app_id, uid, device_id, is_identified, created_at, name, email, custom,
    property_times, former_values, platform, platform_version, device, device_type, locale, language, app_version,
    sdk_name, country, city, facts_at, consent, campaign, health)
SELECT id, %(app)s, uid, device_id, is_named, now() - interval '90 days',
    CASE WHEN is_named THEN first || ' ' || last END,
    CASE WHEN is_named THEN lower(first) || '.' || lower(last) || n || '@example.com' END,
    jsonb_build_object('plan', pg_temp.one('{free,basic,plus,business}', pg_temp.r(n, 20)),
        'visits_shop', floor(50 * pg_temp.r(n, 21)), 'newsletter', pg_temp.r(n, 22) < 0.4),
    '{}', '', platform, pg_temp.one('{15,14,13,12}', pg_temp.r(n, 12)),
    pg_temp.one(CASE platform WHEN 'iOS' THEN '{"iPhone15,2","iPhone14,5","iPad13,1"}'
        WHEN 'Android' THEN '{Pixel 8,SM-S921B,SM-A546B,23049PCD8G}' ELSE '{Desktop}' END::text[], pg_temp.r(n, 13)),
    CASE platform WHEN 'Windows' THEN 'desktop' ELSE 'mobile' END, 'en_US', 'en',
    pg_temp.one('{4.2.1,4.2.0,4.1.3,3.9.0}', pg_temp.r(n, 14)),
    CASE platform WHEN 'Android' THEN 'java-native-android'
        WHEN 'iOS' THEN 'objc-native-ios' ELSE 'javascript_native_web' END,
    country, CASE country WHEN 'TR' THEN 'Istanbul' WHEN 'DE' THEN 'Berlin' WHEN 'US' THEN 'Boston' END,
    now() - interval '1 day', '{}', '{}', '{}'
FROM (
    SELECT *, pg_temp.r(n, 9) < 0.3 AS is_named,
        pg_temp.one('{Android,iOS,Windows}', pg_temp.r(n, 10)) AS platform,
        pg_temp.one('{TR,DE,US,GB,FR,BR,JP,IN}', pg_temp.r(n, 11)) AS country,
        pg_temp.one('{Ada,Bora,Ceren,Deniz,Elif,Finn,Grace,Hana,Ivan,Jonas}', pg_temp.r(n, 15)) AS first,
        pg_temp.one('{Yilmaz,Demir,Schmidt,Miller,Rossi,Tanaka,Silva,Novak}', pg_temp.r(n, 16)) AS last
    FROM seed_user WHERE n BETWEEN %(first)s AND %(last)s
) u
"""
_ACTIVITY: Final = """
INSERT INTO profiles_useractivity (user_id, app_id, is_identified, first_seen_at, last_seen_at, sessions_count,
    total_seconds, events_count, crashes_count, last_signal_at, session_id, session_started_at, session_last_signal_at,
    session_ended_at, session_seconds)
SELECT a.user_id, u.app_id, u.is_identified, first_at, last_at, sessions, seconds, events, 0, last_at, -(latest).j,
    (latest).started_at, ended_at, ended_at, (latest).seconds
FROM (
    SELECT user_id, min(started_at) AS first_at, max(started_at + seconds * interval '1 second') AS last_at,
        count(*) AS sessions, sum(seconds) AS seconds, sum(events) AS events,
        (array_agg(s ORDER BY started_at DESC, j))[1] AS latest
    FROM seed_session s GROUP BY user_id
) a JOIN profiles_appuser u ON u.id = a.user_id,
    LATERAL (SELECT (latest).started_at + (latest).seconds * interval '1 second' AS ended_at) e
"""
_DAYS: Final = """
INSERT INTO profiles_dailyactivity (user_id, "on", original_user_id, app_id, sessions, events, seconds)
SELECT user_id, "on", user_id, %(app)s, sum(sessions), sum(events), sum(seconds)
FROM (
    SELECT user_id, (started_at AT TIME ZONE 'UTC')::date AS "on", 1 AS sessions, 0 AS events, 0 AS seconds
    FROM seed_session
    UNION ALL
    SELECT user_id, ((started_at + seconds * interval '1 second') AT TIME ZONE 'UTC')::date, 0, 0, seconds
    FROM seed_session
    UNION ALL
    SELECT s.user_id,
        ((s.started_at + s.seconds * (p + 0.5) / s.events * interval '1 second') AT TIME ZONE 'UTC')::date,
        0, 1, 0
    FROM seed_session s, generate_series(0, s.events - 1) p
) parts GROUP BY 1, 2
"""
_APP_DAYS: Final = """
INSERT INTO profiles_appday (app_id, "on", shard, users, sessions)
SELECT app_id, "on", 0, count(DISTINCT user_id), sum(sessions) FROM profiles_dailyactivity WHERE app_id = %(app)s
GROUP BY app_id, "on"
"""
_STALE: Final = """
INSERT INTO profiles_stale (user_id, kind, since, app_id)
SELECT user_id, %(kind)s, now(), %(app)s FROM (SELECT DISTINCT user_id FROM seed_session) s
"""
_FINISH: Final = "DROP TABLE seed_user, seed_session"

Progress = Callable[[int, str], None]


def fill(app: App, *, users: int, events: int, seed: int, progress: Progress) -> None:
    """Give a new app so many users and events; `progress` is told how many of users + events are done."""
    sessions = max(users, events // _EVENTS_OF_A_SESSION)
    values: dict[str, Any] = {
        "app": app.id, "users": users, "events": events, "sessions": sessions, "keys": list(EVENT_KEYS),
        "kind": Stale.Kind.ENGAGEMENT.value,
    }  # fmt: skip
    EventKey.objects.bulk_create([EventKey(app=app, key=key) for key in EVENT_KEYS])
    with connection.cursor() as cursor:
        cursor.execute(_PREPARE.format(seed=int(seed)))
        for first, last in _ranges(users):
            _send_users(app, first, last)
            cursor.execute(_PROFILES, values | {"first": first, "last": last})
            progress(last, "users")
        for first, last in _ranges(sessions):
            for statement in (_SESSIONS, _SAVE_SESSIONS, _SIGNALS, _EVENTS):
                cursor.execute(statement, values | {"first": first, "last": last})
            progress(users + events * last // sessions, "sessions and events")
        for statement in (_ACTIVITY, _DAYS, _APP_DAYS, _STALE):
            cursor.execute(statement, values)
        cursor.execute(_FINISH)
    UidCounter.objects.update_or_create(app=app, defaults={"last_number": users})
    _count(app)


def _ranges(count: int) -> Iterator[tuple[int, int]]:
    for first in range(1, count + 1, _ROWS):
        yield first, min(first + _ROWS - 1, count)


def _send_users(app: App, first: int, last: int) -> None:
    rows = []
    for number in range(first, last + 1):
        device_id = f"scale-{number:09d}"
        rows.append((keys.user_key(app.public_id, device_id), number, device_id, keys.uid(number)))
    _USERS.insert(rows)


def _count(app: App) -> None:
    """Keep the app's totals, by shard, as the rows say."""
    users: Counter[int] = Counter()
    known: Counter[int] = Counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, is_identified FROM profiles_appuser WHERE app_id = %s", [app.id])
        while rows := cursor.fetchmany(_ROWS):
            for key, is_identified in rows:
                users[keys.shard_of(key)] += 1
                known[keys.shard_of(key)] += is_identified
    AppTotals.objects.bulk_create(
        [AppTotals(app=app, shard=shard, users=users[shard], identified=known[shard]) for shard in sorted(users)]
    )
