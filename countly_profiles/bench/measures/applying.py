"""How fast a queue drains, in one process."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.db.models import Sum

from countly_profiles.bench import places, queue, requests
from countly_profiles.bench.figures import Figure
from countly_profiles.bench.run import Run
from ingest import apply
from profiles.access.models import App
from profiles.activity.models import Event
from profiles.users.models import UserActivity


def measure(run: Run) -> Iterator[Figure]:
    """Fill a queue, drain it here, check what is in the tables."""
    run.end_instance()
    count = round(run.choose(200_000, 20_000))
    users = count // requests.REQUESTS_OF_A_USER
    with places.database():
        app = App.objects.create(name="Bench")
        run.tell(f"applying: filling a queue of {count}")
        queue.fill(app, count, users=users)
        run.tell("applying: draining")
        seconds = drain()
        events = Event.objects.filter(app_id=app.id).count()
        counted = UserActivity.objects.filter(app_id=app.id).aggregate(sum=Sum("events_count"))["sum"]
    beside = f"a queue of {count} of {users} users, one process, batches of {apply.BATCH_SIZE}"
    yield Figure("applying: requests", count / seconds, "requests/s", beside)
    is_right = events == counted == count * requests.EVENTS_OF_A_REQUEST
    yield Figure("applying: content right", int(is_right), "1 or 0", f"{events} events, {counted} by the users' totals")


def drain() -> float:
    """Apply until nothing waits; return the seconds."""
    started = time.monotonic()
    while apply.apply_waiting():
        pass
    return time.monotonic() - started
