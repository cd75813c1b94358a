"""How fast a queue drains, by how much is stored already: the curve of the cost."""

from __future__ import annotations

from collections.abc import Iterator

from countly_profiles.bench import places, queue, requests
from countly_profiles.bench.figures import Figure
from countly_profiles.bench.measures.applying import drain
from countly_profiles.bench.run import Run
from profiles.access.models import App
from profiles.activity import scale


def measure(run: Run) -> Iterator[Figure]:
    """Drain the same queue into databases of three sizes, ten events a user."""
    run.end_instance()
    count = round(run.choose(30_000, 5_000))
    users = count // requests.REQUESTS_OF_A_USER
    largest = round(run.choose(300_000, 20_000))
    for stored in (largest // 100, largest // 10, largest):
        with places.database():
            run.tell(f"growth: seeding {stored} users and {stored * 10} events")
            app = App.objects.create(name="Scale")
            scale.fill(app, users=stored, events=stored * 10, seed=1, progress=lambda _done, _what: None)
            queue.fill(app, count, users=users)
            seconds = drain()
        beside = f"{stored} users and {stored * 10} events stored; a queue of {count} of {users} users"
        yield Figure(f"growth: applied beside {stored} users", count / seconds, "requests/s", beside)
