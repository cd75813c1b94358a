"""Acknowledged and durable requests a second, beside an empty Django view; then the backlog, and its content."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Sum

from countly_profiles.bench import load, places, requests
from countly_profiles.bench.figures import Figure, median, spread
from countly_profiles.bench.load import Load
from countly_profiles.bench.run import Run, wait_until
from ingest import inbox
from profiles.activity.models import Event
from profiles.users.models import UserActivity

_WARM_UP_SECONDS = 2
_DRAIN_SECONDS = 300


def measure(run: Run) -> Iterator[Figure]:
    """Interleave rounds of the empty view and of `/i`."""
    instance = run.instance()
    seconds = run.choose(15, 4)
    ceiling: list[Load] = []
    ours: list[Load] = []

    def post(for_seconds: float) -> Load:
        done = load.post(instance.address, instance.app.key, for_seconds, first_number=run.numbers_sent)
        run.numbers_sent += done.requests + load.CONNECTIONS
        return done

    with places.empty_server() as empty:
        load.post(empty, "-", _WARM_UP_SECONDS)
        warmed = post(_WARM_UP_SECONDS)
        for number in range(1, 4):
            run.tell(f"intake, round {number} of 3")
            ceiling.append(load.post(empty, "-", seconds))
            ours.append(post(seconds))
            wait_until(lambda: inbox.backlog()[0] == 0, seconds=_DRAIN_SECONDS)
    beside = f"in turns with the other; {load.GENERATOR}; errors {{errors}}"
    for name, rounds in (("empty view", ceiling), ("intake", ours)):
        rates = [each.rate for each in rounds]
        said = beside.format(errors=sum(each.errors for each in rounds)) + "; " + spread(rates)
        yield Figure(f"{name}: requests", median(rates), "requests/s", said)
        yield Figure(f"{name}: answer p50", median([each.p50_ms for each in rounds]), "ms", said)
        yield Figure(f"{name}: answer p99", median([each.p99_ms for each in rounds]), "ms", said)
    ratio = [mine.rate / empty_one.rate for mine, empty_one in zip(ours, ceiling, strict=True)]
    yield Figure("intake: ratio", median(ratio), "of the empty view", spread(ratio))

    run.tell("intake, then the backlog")
    longest = run.choose(60, 8)
    after = post(longest)
    waiting = inbox.backlog()[0]
    drained = wait_until(lambda: inbox.backlog()[0] == 0, seconds=_DRAIN_SECONDS)
    yield Figure("backlog: left by full load", waiting, "requests", f"after {longest:.0f} s at {after.rate:.0f}/s")
    yield Figure("backlog: drained in", drained, "s", f"{waiting} requests")
    acknowledged = warmed.requests + sum(each.requests for each in ours) + after.requests
    yield from _content(instance.app.id, acknowledged, loads=2 + len(ours))


def _content(app_id: int, acknowledged: int, loads: int) -> Iterator[Figure]:
    """Compare what is in the tables with what was acknowledged; a load's end cuts one answer off a connection."""
    events = Event.objects.filter(app_id=app_id).count()
    counted = UserActivity.objects.filter(app_id=app_id).aggregate(sum=Sum("events_count"))["sum"] or 0
    expected = acknowledged * requests.EVENTS_OF_A_REQUEST
    surplus = loads * load.CONNECTIONS * requests.EVENTS_OF_A_REQUEST
    is_right = expected <= events <= expected + surplus and counted == events
    beside = f"{events} events, {counted} by the users' totals, {expected} acknowledged"
    yield Figure("intake: content right", int(is_right), "1 or 0", beside)
