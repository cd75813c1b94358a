"""What follows from the events: scores moved at midnight, a new funnel over all history, what both cost beside ingest,
and the funnels of one profile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event as Signal, Thread

from django.db import connection, connections

from countly_profiles.bench import places, queue, requests
from countly_profiles.bench.figures import Figure, median, spread
from countly_profiles.bench.measures.applying import drain
from countly_profiles.bench.run import Run
from profiles.access.models import App
from profiles.activity import scale
from profiles.engagement import services as scores
from profiles.engagement.models import Engagement
from profiles.engagement.querysets import today_of_apps
from profiles.funnels import services as funnels, tasks as funnel_tasks
from profiles.funnels.boxes import funnels_box
from profiles.funnels.models import Funnel
from profiles.funnels.services import StepInput
from profiles.users.models import AppUser, UserActivity

_ROUNDS = 15
_FUNNELS_OF_A_PROFILE = 20
_DAY = timedelta(days=1)

# Everybody was there six days ago, so everybody's window moves at the next midnight.
_SIX_DAYS_AGO = """
INSERT INTO profiles_dailyactivity (user_id, "on", original_user_id, app_id, sessions, events, seconds)
SELECT user_id, %s, user_id, app_id, 1, 0, 60 FROM profiles_useractivity WHERE app_id = %s
ON CONFLICT (user_id, "on", original_user_id) DO UPDATE SET sessions = profiles_dailyactivity.sessions + 1
"""


def measure(run: Run) -> Iterator[Figure]:
    """Seed one database, and measure everything in it."""
    run.end_instance()
    users = round(run.choose(1_000_000, 20_000))
    events = users * 20
    with places.database():
        app = App.objects.create(name="Scale")
        run.tell(f"derived: seeding {users} users and {events} events")
        scale.fill(app, users=users, events=events, seed=1, progress=lambda _done, _what: None)
        run.tell("derived: first scores")
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
            cursor.execute(_SIX_DAYS_AGO, [today_of_apps(_now())[app.pk] - 6 * _DAY, app.pk])
        seconds = _timed(_refresh_scores)
        yield Figure("derived: scores of users who did something", users / seconds, "users/s", f"{users} users")
        yield from _midnight(run, app, users)
        yield from _new_funnel(run, app, users, events)
        yield from _profile(run, app)
        yield from _beside_ingest(run, app)


def _midnight(run: Run, app: App, users: int) -> Iterator[Figure]:
    run.tell("derived: midnight")
    moved = Engagement.objects.filter(app=app, changes_on__lte=today_of_apps(_now() + _DAY)[app.pk]).count()
    seconds = _timed(lambda: _roll_over(app, 1))
    yield Figure("derived: midnight", seconds, "s", f"{moved} scores moved of {users} users; goal: 60 s for a million")
    # The days after it move fewer. As many applied alone and beside it, one process each.
    count = round(run.choose(30_000, 5_000))
    _set_back(app)
    queue.fill(app, count)
    alone = drain()
    queue.fill(app, count, first_number=count)
    is_over = Signal()

    def keep_rolling() -> None:
        days = 2
        while not is_over.is_set():
            _roll_over(app, days, is_over)
            _set_back(app)
            days += 1
        connections.close_all()

    beside = Thread(target=keep_rolling)
    beside.start()
    seconds = drain()
    is_over.set()
    beside.join()
    yield Figure(
        "derived: ingest beside a midnight",
        alone / seconds,
        "of alone",
        f"{count} requests: {count / alone:.0f}/s alone",
    )


def _set_back(app: App) -> None:
    """Make every score one that moves at the next midnight."""
    Engagement.objects.filter(app=app).update(changes_on=datetime(2000, 1, 1, tzinfo=UTC).date())


def _roll_over(app: App, days: int, is_over: Signal | None = None) -> None:
    while scores.roll_over(app.pk, _now() + days * _DAY) == scores.USERS_PER_BATCH:
        if is_over is not None and is_over.is_set():
            return


def _new_funnel(run: Run, app: App, users: int, events: int) -> Iterator[Figure]:
    run.tell("derived: a new funnel")
    funnel = _funnel(app, "Purchase", ["Product viewed", "Added to cart", "Checkout started", "Purchased"])
    seconds = _timed(lambda: _compute(funnel))
    beside = f"4 steps over {events} events of {users} users; goal: 60 s for 20 million of a million"
    yield Figure("derived: a new funnel", seconds, "s", beside)


def _profile(run: Run, app: App) -> Iterator[Figure]:
    run.tell("derived: a profile's funnels")
    for number in range(_FUNNELS_OF_A_PROFILE - 1):
        keys = [scale.EVENT_KEYS[(number + step) % len(scale.EVENT_KEYS)] for step in range(2 + number % 4)]
        _funnel(app, f"Funnel {number}", keys, window_seconds=86_400 if number % 2 else None)
    counted = UserActivity.objects.filter(app=app).order_by("-events_count")
    for name, activity in (("the busiest", counted.first()), ("a median", counted[counted.count() // 2])):
        if activity is None:
            continue
        user = AppUser.objects.get(pk=activity.user_id)
        times = [_timed(partial(funnels_box, app, user, _now())) * 1000 for _ in range(_ROUNDS)]
        beside = f"{_FUNNELS_OF_A_PROFILE} funnels, {activity.events_count} events, {spread(times)}; goal: 20 ms"
        yield Figure(f"derived: funnels of {name} user's profile", median(times), "ms", beside)


def _beside_ingest(run: Run, app: App) -> Iterator[Figure]:
    """What a request costs beyond being applied: scores and funnels of the users it touched, all twenty of them."""
    run.tell("derived: after ingest")
    Funnel.objects.filter(app=app).update(computed_revision=1)
    _refresh_scores()
    _refresh_funnels()
    count = round(run.choose(30_000, 5_000))
    users = count // requests.REQUESTS_OF_A_USER
    queue.fill(app, count, users=users, first_number=10 * count)
    applied = drain()
    for name, refresh in (("scores", _refresh_scores), ("20 funnels", _refresh_funnels)):
        beside = f"{count} requests of {users} users, of applying them ({count / applied:.0f}/s)"
        yield Figure(f"derived: {name} of touched users", _timed(refresh) / applied, "of the time", beside)


def _refresh_scores() -> None:
    while scores.refresh_stale(_now()):
        pass


def _refresh_funnels() -> None:
    while funnels.refresh_stale():
        pass


def _compute(funnel: Funnel) -> None:
    while Funnel.objects.filter(pk=funnel.pk).exclude(computed_revision=funnel.revision).exists():
        funnel_tasks.compute_funnel(funnel.pk, funnel.revision)


def _funnel(app: App, name: str, keys: list[str], *, window_seconds: int | None = None) -> Funnel:
    funnel = Funnel(app=app, name=name, window_seconds=window_seconds)
    funnels.create_funnel(funnel, [StepInput(key) for key in keys])
    return funnel


def _timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def _now() -> datetime:
    return datetime.now(tz=UTC)
