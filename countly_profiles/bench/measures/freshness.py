"""How soon a request is on the profile: at half of the load that the instance can acknowledge, for every request of it.

The instance counts itself, after each commit that applied requests, how long ago each of them had arrived; arrival is
before acknowledgement, so what is said here is rather too much. Beside it, a phone of ours sends and looks.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from threading import Event as Signal, Thread
from urllib.parse import urlsplit

from django.db import connections
from prometheus_client.parser import text_string_to_metric_families

from countly_profiles.bench import load, places, processor, requests
from countly_profiles.bench.figures import Figure, percentile
from countly_profiles.bench.run import Run, wait_until
from ingest import inbox
from profiles.users import keys
from profiles.users.models import UserActivity

_DRAIN_SECONDS = 300
_PAUSE_SECONDS = 0.1  # between two requests of the phone
_LOOK_SECONDS = 0.005


def measure(run: Run) -> Iterator[Figure]:
    """Find the full load, wait until it is applied, send half of it and look."""
    instance = run.instance()
    run.tell("freshness: full load")
    full = _post(run, instance, run.choose(15, 5))
    _wait_until_applied()
    run.tell("freshness: half load")
    yield from at_rate(run, instance, full.rate / 2, run.choose(60, 15))


def at_rate(
    run: Run, instance: places.Instance, rate: float, seconds: float, name: str = "freshness"
) -> Iterator[Figure]:
    """Send at a steady rate, and say how soon requests were acknowledged and applied."""
    before = settled_within(instance)
    used = processor.seconds_of(instance.process_id)
    phone = _Phone(instance)
    phone.start()
    half = _post(run, instance, seconds, rate=rate)
    waiting = inbox.backlog()[0]
    phone.stop()
    _wait_until_applied()
    after = settled_within(instance)
    said_used = processor.used_since(used, instance.process_id, half.requests)
    total = after["total"] - before["total"]
    beside = f"{half.rate:.0f} requests/s of {rate:.0f} wanted, {total:.0f} requests, {load.GENERATOR}"
    yield Figure(f"{name}: answer p50", half.p50_ms, "ms", beside)
    yield Figure(f"{name}: answer p99", half.p99_ms, "ms", f"{beside}, errors {half.errors}; goal: 25 ms")
    shares = {name: (after[name] - before[name]) / total for name in after if name != "total"}
    said = ", ".join(f"{seconds} s: {share:.4f}" for seconds, share in shares.items())
    yield Figure(f"{name}: applied within 1 s", shares["1"], "of all", f"{said}; {beside}; goal: 0.99")
    microseconds = sum(float(part.split()[1]) for part in said_used.split(", "))
    yield Figure(f"{name}: processor", microseconds, "µs a request", f"{said_used}; {beside}")
    seen = [round(one, 3) for one in (percentile(phone.took, 50), percentile(phone.took, 99), max(phone.took))]
    yield Figure(f"{name}: seen by who sent, p50", seen[0], "s", f"{len(phone.took)} requests, from their answer")
    yield Figure(
        f"{name}: seen by who sent, p99", seen[1], "s", f"the slowest {seen[2]} s; {waiting} waited at the end"
    )


def settled_within(instance: places.Instance) -> dict[str, float]:
    """Return how many requests were settled within how many seconds, and in total, as `/metrics` says."""
    port = urlsplit(instance.address).netloc
    connection = http.client.HTTPConnection(port, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    found = {"total": 0.0}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "ingest_settled_within_requests_total":
                found[sample.labels["seconds"]] = sample.value
            elif sample.name == "ingest_settled_requests_total":
                found["total"] += sample.value
    return found


def _post(run: Run, instance: places.Instance, seconds: float, rate: float | None = None) -> load.Load:
    done = load.post(instance.address, instance.app.key, seconds, first_number=run.numbers_sent, rate=rate)
    run.numbers_sent += done.requests + load.CONNECTIONS
    return done


def _wait_until_applied() -> None:
    wait_until(lambda: inbox.backlog()[0] == 0, seconds=_DRAIN_SECONDS)


class _Phone(Thread):
    """Sends a request, and looks at its user's row until it has arrived there; again and again."""

    def __init__(self, instance: places.Instance) -> None:
        super().__init__(daemon=True)
        self.took: list[float] = []
        self._instance = instance
        self._is_over = Signal()

    def stop(self) -> None:
        """Send no more, and wait for what was sent."""
        self._is_over.set()
        self.join()

    def run(self) -> None:
        """Send and look until told to stop."""
        try:
            self._send_and_look()
        finally:
            connections.close_all()

    def _send_and_look(self) -> None:
        app = self._instance.app
        device = requests.device_of(0, 1)
        mine = UserActivity.objects.filter(user_id=keys.user_key(app.public_id, f"watched-{device}"))
        connection = http.client.HTTPConnection(urlsplit(self._instance.address).netloc, timeout=10)
        number = mine.values_list("events_count", flat=True).first() or 0
        while not self._is_over.wait(_PAUSE_SECONDS):
            body = requests.body(app.key, number + 1, round(time.time() * 1000), 1).replace(
                device.encode(), b"watched-" + device.encode()
            )
            connection.request("POST", "/i", body, {"Content-Type": requests.CONTENT_TYPE})
            connection.getresponse().read()
            answered = time.perf_counter()
            number += requests.EVENTS_OF_A_REQUEST
            while not mine.filter(events_count__gte=number).exists():
                time.sleep(_LOOK_SECONDS)
            self.took.append(time.perf_counter() - answered)
