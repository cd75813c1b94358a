"""The user list, by how many users there are: pages of every order, search, filters, breakdown, export.

Through the view itself, in this process: what is measured is the answer's time on the server, without the network.
"""

from __future__ import annotations

import re
import resource
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from countly_profiles.bench import places
from countly_profiles.bench.figures import Figure, median, percentile
from countly_profiles.bench.run import Run
from profiles.access.models import App
from profiles.activity import scale
from profiles.directory.audience import Audience
from profiles.directory.columns import default_columns
from profiles.directory.export import Format, write_lines
from profiles.directory.filters import tree
from profiles.directory.sort_indexes import ask_index, work_on_next
from profiles.directory.sorts import LAST_SEEN

_ROUNDS = 12
_ROUNDS_OF_A_PAGE = 3
_EVENTS_OF_A_USER = 5
_SCANS = re.compile(r"(?:Index(?: Only)? Scan(?: Backward)? using|Bitmap Index Scan on) (\w+)|(Seq Scan on \w+)")
_OF_USERS = re.compile(r"app_?user|activity|engagement|profiles_event_|list_sort")
_NEXT = re.compile(r'id="page-next" href="[^"?]*\?([^"]*)"')
_FOUND = re.compile(r"</b> of ([0-9,+]+)")

# What is asked of the list: a name, the query string. Orders are asked on every tab besides.
_ORDERS = ("last_seen", "name", "device", "sessions", "time_spent", "engagement")
_NARROWED = {
    "search by half a name": "q=ili",
    "search by half an e-mail": "q=99%40ex",
    "search that finds one": "q=device-77777",
    "filter by platform and country": "filter=platform:is:iOS,country:is:DE",
    "filter by sessions, sorted by time spent": "filter=sessions:at_least:1&sort=-time_spent",
    "filter by days": "filter=last_seen:last_days:7",
    "filter by a custom property": "filter=custom.plan:is:basic",
    "filter by a custom property that few have": "filter=custom.plan:is:nobody",
    "filter by behaviour": "filter=event:did:Purchased:2:30",
    "filter by behaviour with a segment": "filter=event:did:Purchased:1:30:category:is:Shoes",
    "filter by what was not done": "filter=event:did_not:Purchased:1:30",
}


def measure(run: Run) -> Iterator[Figure]:
    """Measure the same at each size."""
    run.end_instance()
    for users in (2_000, 10_000) if run.is_quick else (100_000, 1_000_000):
        with places.database():
            app = App.objects.create(name="Scale")
            run.tell(f"listing: seeding {users} users")
            scale.fill(app, users=users, events=users * _EVENTS_OF_A_USER, seed=1, progress=lambda _done, _what: None)
            with connection.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE")
            yield from _pages(run, app, users)
            yield from _export(run, app, users)


def _pages(run: Run, app: App, users: int) -> Iterator[Figure]:
    owner = User.objects.create_superuser("bench")
    client = Client(headers={"HX-Request": "true"}, SERVER_NAME="localhost")
    client.force_login(owner)
    url = reverse("directory:users", args=[app.public_id])
    times: list[float] = []
    for order in _ORDERS:
        run.tell(f"listing: {users} users by {order}")
        of_order: list[float] = []
        for tab in ("all", "identified", "anonymous"):
            for sign in ("", "-"):
                first = f"tab={tab}&sort={sign}{order}"
                for query in (first, _middle(client, url, first), f"{first}&before=end"):
                    of_order += _times(client, f"{url}?{query}", _ROUNDS_OF_A_PAGE)
        times += of_order
        beside = (
            f"{users} users; both ways, three tabs, first, later and last page; {_scans(client, url, f'sort=-{order}')}"
        )
        yield Figure(f"listing: by {order}, p95", 1000 * percentile(of_order, 95), "ms", beside)
    yield Figure("listing: every order, p95", 1000 * percentile(times, 95), "ms", f"{users} users; goal: 50 ms")
    for name, query in _NARROWED.items():
        run.tell(f"listing: {users} users, {name}")
        found = _FOUND.search(client.get(f"{url}?{query}").content.decode())
        taken = _times(client, f"{url}?{query}", _ROUNDS)
        beside = f"{users} users, {found[1] if found else 'none'} found, median {1000 * median(taken):.3g} ms; "
        yield Figure(f"listing: {name}, p95", 1000 * percentile(taken, 95), "ms", beside + _scans(client, url, query))
    breakdown = reverse("directory:breakdown", args=[app.public_id])
    for name, query in {"country": "by=country", "a custom property": "by=custom.plan"}.items():
        taken = _times(client, f"{breakdown}?{query}", _ROUNDS)
        yield Figure(f"listing: breakdown by {name}, p95", 1000 * percentile(taken, 95), "ms", f"{users} users")
    query = "sort=-custom.plan"
    before = median(_times(client, f"{url}?{query}", 3))
    ask_index(owner, app, "custom.plan")
    began = time.perf_counter()
    work_on_next(datetime.now(tz=UTC))
    yield Figure("listing: index of a custom property", time.perf_counter() - began, "s", f"{users} users")
    taken = _times(client, f"{url}?{query}", _ROUNDS)
    beside = f"{users} users; without it {1000 * before:.3g} ms; {_scans(client, url, query)}"
    yield Figure("listing: by a custom property with its index, p95", 1000 * percentile(taken, 95), "ms", beside)


def _middle(client: Client, url: str, query: str) -> str:
    """Return the address of the third page."""
    for _ in range(2):
        following = _NEXT.search(client.get(f"{url}?{query}").content.decode())
        query = unescape(following[1]) if following else query
    return query


def _times(client: Client, address: str, rounds: int) -> list[float]:
    taken = []
    client.get(address)  # warm
    for _ in range(rounds):
        began = time.perf_counter()
        response = client.get(address)
        taken.append(time.perf_counter() - began)
        if response.status_code != 200:
            msg = f"{address} answered {response.status_code}"
            raise RuntimeError(msg)
    return taken


def _scans(client: Client, url: str, query: str) -> str:
    """Say what the queries of a page read: the names of indexes, and tables that are read whole."""
    found: dict[str, None] = {}

    def explained(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("SELECT", "(SELECT")):
            run(f"EXPLAIN {sql}", params, many, context)
            for (line,) in context["cursor"].fetchall():
                if scan := _SCANS.search(line):
                    found[scan[1] or scan[2]] = None
        return run(sql, params, many, context)

    with connection.execute_wrapper(explained):
        client.get(f"{url}?{query}")
    read = [name for name in found if _OF_USERS.search(name)]
    return "reads " + ", ".join(read)


def _export(run: Run, app: App, users: int) -> Iterator[Figure]:
    for name, audience in {
        "everybody": Audience(),
        "a filter": Audience(filter=tree.read("platform:is:iOS")),
    }.items():
        run.tell(f"listing: export of {name} of {users} users")
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began, size, rows = time.perf_counter(), 0, -1
        for part in write_lines(
            app,
            audience,
            default_columns(),
            LAST_SEEN,
            is_descending=True,
            form=Format.CSV,
            progress=lambda _written: None,
        ):
            size += len(part)
            rows += part.count(b"\n")
        seconds = time.perf_counter() - began
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
        beside = (
            f"{users} users, {rows} rows, {size / 1e6:.0f} MB; the process grew by {grown:.0f} MB; goal: 20 000 rows/s"
        )
        yield Figure(f"listing: export of {name}", rows / seconds, "rows/s", beside)
