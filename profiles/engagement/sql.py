"""The statements that compute scores for many users at once. The rule is `profiles.engagement.score`, the oracle; a
property-based test holds the two together.

Raw SQL because a million scores move at an app's midnight: in the database that is one statement for thousands of
users, through the ORM it would be their rows to Python and back.
"""

# Reads the daily rows of the window by their primary key (user_id, "on", ...). A user may have several rows for a day,
# one for each device id that a merge brought along. `since` repeats for the index what the join says: it cannot know
# that no app's day is far from another's. While a user stays away the window loses its oldest day first, and with it a
# day of use, so the score falls on that day's seventh morrow. A row that would stay as it is is not written; users who
# are no more, absorbed by others or deleted, lose theirs.
REFRESH = """
WITH totals AS (
    SELECT a.user_id, a.app_id, a.is_identified, today."on",
        CASE WHEN a.sessions_count > 0
            THEN least(a.total_seconds / 60.0::float8 / a.sessions_count, %(max_minutes)s::float8) ELSE 0
        END AS average_minutes
    FROM profiles_useractivity a
    JOIN unnest(%(app_ids)s::bigint[], %(days)s::date[]) AS today (app_id, "on") ON today.app_id = a.app_id
    WHERE a.user_id = ANY(%(user_ids)s::uuid[])
), days AS (
    SELECT d.user_id, count(DISTINCT d."on") AS days, sum(d.sessions) AS sessions, min(d."on") AS first_on
    FROM profiles_dailyactivity d
    JOIN totals ON totals.user_id = d.user_id
    WHERE d.user_id = ANY(%(user_ids)s::uuid[]) AND d."on" > %(since)s::date
      AND d."on" > totals."on" - %(window_days)s AND d."on" <= totals."on"
      AND (d.sessions > 0 OR d.events > 0)
    GROUP BY d.user_id
), factors AS (
    SELECT totals.*, days.first_on,
        least(coalesce(days.sessions, 0), %(max_sessions)s)::smallint AS sessions,
        least(coalesce(days.days, 0), %(max_days)s)::smallint AS days
    FROM totals LEFT JOIN days USING (user_id)
), scores AS (
    SELECT factors.*, average_minutes * sessions * days AS score FROM factors
), gone AS (
    DELETE FROM profiles_engagement
    WHERE user_id IN (SELECT unnest(%(user_ids)s::uuid[]) EXCEPT SELECT user_id FROM totals)
)
INSERT INTO profiles_engagement AS stored (
    user_id, app_id, is_identified, score, average_minutes, sessions_7_days, days_7_days, "on", changes_on, computed_at
)
SELECT user_id, app_id, is_identified, score, average_minutes, sessions, days, "on",
    CASE WHEN score > 0 THEN first_on + %(window_days)s END, %(now)s
FROM scores
ORDER BY user_id
ON CONFLICT (user_id) DO UPDATE SET
    app_id = excluded.app_id,
    is_identified = excluded.is_identified,
    score = excluded.score,
    average_minutes = excluded.average_minutes,
    sessions_7_days = excluded.sessions_7_days,
    days_7_days = excluded.days_7_days,
    "on" = excluded."on",
    changes_on = excluded.changes_on,
    computed_at = excluded.computed_at
WHERE (stored.app_id, stored.is_identified, stored.score, stored.average_minutes, stored.sessions_7_days,
       stored.days_7_days, stored."on", stored.changes_on)
    IS DISTINCT FROM
      (excluded.app_id, excluded.is_identified, excluded.score, excluded.average_minutes, excluded.sessions_7_days,
       excluded.days_7_days, excluded."on", excluded.changes_on)
"""

# Reads the index engagement_score alone; sorting is what it costs (measured: 0.6 s for a million users).
QUANTILES = """
SELECT count(*), percentile_disc(
    ARRAY(SELECT step::float8 / %(steps)s FROM generate_series(0, %(steps)s) AS step ORDER BY step)
) WITHIN GROUP (ORDER BY score)
FROM profiles_engagement e WHERE app_id = %(app_id)s AND is_identified IN (false, true)
    AND NOT EXISTS (SELECT FROM profiles_hiddenuser h WHERE h.user_id = e.user_id)
"""
