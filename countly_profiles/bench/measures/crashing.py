"""What crashes cost: a burst of one kind beside ordinary requests, and the page of a group with a million of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote_plus

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import override_settings

from countly_profiles.bench import places, queue, requests
from countly_profiles.bench.figures import Figure, median, spread
from countly_profiles.bench.measures.applying import drain
from countly_profiles.bench.run import Run
from profiles.access.models import App
from profiles.crashes.models import CrashGroup

_ROUNDS: Final = 15
# Nothing is collected for a process that serves no files.
_STORAGES: Final = {
    **settings.STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
_TRACE: Final = "\n".join(
    [
        "java.lang.NullPointerException: Attempt to invoke virtual method on a null object reference",
        *(f"\tat com.shop.checkout.Step{n}.next(Step{n}.kt:{40 + n})" for n in range(20)),
        "\tat android.app.Activity.performResume(Activity.java:8000)",
    ]
)
_CRASH: Final = "&crash=" + quote_plus(
    '{"_os":"Android","_os_version":"14","_device":"Pixel 8","_app_version":"4.2.1","_nonfatal":false,'
    '"_ram_current":"2000","_ram_total":"8000","_online":true,"_run":"60","_custom":{"screen":"Checkout"},"_error":"'
    + _TRACE.replace("\n", "\\n").replace("\t", "\\t")
    + '"}'
)

# A user is hit ten times; the newest occurrences have the highest numbers. COPY would need a million rows in Python.
_FILL: Final = """
INSERT INTO profiles_crash
    (user_id, occurred_at, id, original_user_id, received_at, app_id, group_id, app_version, report, texts)
SELECT u, at, n, u, at, %(app)s, %(group)s, '4.' || n %% 5,
    jsonb_build_object('os', 'Android', 'os_version', (10 + n %% 5)::text, 'device', 'Pixel ' || n %% 9,
        'is_fatal', true, 'ram_current', 1000 + n %% 3000, 'ram_total', 8000,
        'disk_current', 20000, 'disk_total', 128000,
        'battery', n %% 100, 'orientation', 'portrait', 'is_online', n %% 7 > 0, 'custom',
        jsonb_build_object('screen', 'Checkout', 'step', n %% 4)),
    jsonb_build_object('error', %(trace)s::text)
FROM generate_series(1, %(count)s) AS n
CROSS JOIN LATERAL (SELECT md5((n %% (%(count)s / 10))::text)::uuid, now() - (%(count)s - n) * interval '2 seconds')
    AS one (u, at)
"""
_FILL_USERS: Final = """
INSERT INTO profiles_crashuser (user_id, group_id, original_user_id, app_id, count, last_at, last_app_version)
SELECT user_id, group_id, user_id, app_id, count(*), max(occurred_at), max(app_version)
FROM profiles_crash GROUP BY 1, 2, 4
"""
_FILL_VERSIONS: Final = """
INSERT INTO profiles_crashversion (group_id, app_version, count, first_at, last_at)
SELECT group_id, app_version, count(*), min(occurred_at), max(occurred_at) FROM profiles_crash GROUP BY 1, 2
"""
_FILL_DAYS: Final = """
INSERT INTO profiles_crashday (group_id, "on", count)
SELECT group_id, (occurred_at AT TIME ZONE 'UTC')::date, count(*) FROM profiles_crash GROUP BY 1, 2
"""


def measure(run: Run) -> Iterator[Figure]:
    """Drain two queues, then open the page of a large group."""
    run.end_instance()
    yield from _burst(run)
    yield from _page(run)


def _burst(run: Run) -> Iterator[Figure]:
    count = round(run.choose(60_000, 10_000))
    users = count // requests.REQUESTS_OF_A_USER
    rates = {}
    for kind, body in (("ordinary requests", requests.body), ("crashes of one kind", _crash_body)):
        with places.database():
            app = App.objects.create(name="Bench")
            run.tell(f"crashing: {count} {kind}")
            queue.fill(app, count, users=users, body=body)
            rates[kind] = count / drain()
            if kind == "crashes of one kind":
                group = CrashGroup.objects.get()
                is_right = (group.occurrences_count, group.users_count) == (count, users)
    beside = f"a queue of {count} of {users} users, one process"
    for kind, rate in rates.items():
        yield Figure(f"crashing: {kind}", rate, "requests/s", beside)
    yield Figure("crashing: group's totals right", int(is_right), "1 or 0", f"{count} occurrences, {users} users")


def _crash_body(app_key: str, number: int, at_ms: int, users: int) -> bytes:
    """Return an ordinary request's body with a crash in place of its events."""
    return requests.body(app_key, number, at_ms, users).partition(b"&events=")[0] + _CRASH.encode()


def _page(run: Run) -> Iterator[Figure]:
    count = round(run.choose(1_000_000, 50_000))
    with places.database(), override_settings(STORAGES=_STORAGES):
        run.tell(f"crashing: a group of {count}")
        app = App.objects.create(name="Bench")
        now = datetime.now(tz=UTC)
        group = CrashGroup.objects.create(
            app=app,
            fingerprint="bench",
            title="NullPointerException",
            platform="Android",
            is_fatal=True,
            occurrences_count=count,
            users_count=count // 10,
            first_seen_at=now,
            last_seen_at=now,
        )
        with connection.cursor() as cursor:
            cursor.execute(_FILL, {"app": app.pk, "group": group.pk, "count": count, "trace": _TRACE})
            for statement in (_FILL_USERS, _FILL_VERSIONS, _FILL_DAYS):
                cursor.execute(statement)
            cursor.execute("ANALYZE")
        client = Client(headers={"Host": "localhost"})
        client.force_login(User.objects.create_superuser("bench"))
        address = group.get_absolute_url()
        older = _older(client.get(address).content.decode())
        beside = (
            f"{count} occurrences, {count // 10} users, 5 versions; {_ROUNDS} times after the first, in this process"
        )
        for name, query in (("newest", ""), ("older occurrences", older)):
            busy = time.process_time()
            took = list(_seconds(client, address + query))
            busy = (time.process_time() - busy) / _ROUNDS
            text = f"{beside}; {spread([seconds * 1000 for seconds in took])}; CPU of this process {busy * 1000:.0f} ms"
            yield Figure(f"crashing: page of a large group, {name}", median(took) * 1000, "ms", text)


def _older(page: str) -> str:
    return "?older=" + page.partition('href="?older=')[2].partition("#")[0]


def _seconds(client: Client, address: str) -> Iterator[float]:
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        answer = client.get(address)
        yield time.perf_counter() - started
        if answer.status_code != 200:
            msg = f"{address}: {answer.status_code}"
            raise RuntimeError(msg)
