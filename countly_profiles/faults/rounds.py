"""Rounds: traffic, a fault in the middle of it, the way back to health, and the check by content."""

import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlencode

import psycopg2

from countly_profiles.faults.book import Findings
from countly_profiles.faults.checking import check
from countly_profiles.faults.faults import Fault
from countly_profiles.faults.instance import NAMES, Instance, InstanceError
from countly_profiles.faults.reading import Analyst
from countly_profiles.faults.traffic import Answers, Person, Traffic
from profiles.users import keys

WELL_WITHIN_SECONDS = 10.0
_WAIT_SECONDS = 90.0  # so that a system which gets well too late is still checked
_FRESH_SECONDS = 2.0  # the age of the oldest request that waits, when all is well
_PROBE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Load:
    """How much is sent."""

    people: int = 40
    threads: int = 6
    requests_per_second: float = 200.0
    seconds_before: float = 2.5
    seconds_after: float = 1.5


@dataclass(slots=True)
class Outcome:
    """What came of one round."""

    fault: str
    findings: Findings
    seconds_until_well: float
    answers: Answers = field(default_factory=Answers)
    pages: Counter[int] = field(default_factory=Counter)  # how often an analyst was answered so; 0 is no answer
    boxes_late: int = 0  # pages with a part that said that it took too long

    @property
    def is_good(self) -> bool:
        """Tell whether nothing was lost, doubled or disordered, and the system was well again in time."""
        return self.findings.is_good and self.seconds_until_well <= WELL_WITHIN_SECONDS


class Rounds:
    """Rounds on one instance, which has an app of their own."""

    def __init__(self, instance: Instance, *, seed: str, load: Load) -> None:
        app = json.loads(instance.manage("create_app", f"Faults {seed}"))
        self._instance = instance
        self._app_public_id: str = app["id"]
        self._app_key: str = app["key"]
        self._seed = seed
        self._load = load
        self._probes = 0

    def run(self, faults: Sequence[Fault], label: str) -> Outcome:
        """Let faults happen one after the other under traffic, then check everything that was sent."""
        seed = f"{self._seed}-{label}"
        dice = random.Random(seed)
        people = [Person(f"{label}-{i}", self._app_key, f"{seed}-{i}") for i in range(self._load.people)]
        traffic = Traffic(
            self._instance.port,
            people,
            threads=self._load.threads,
            requests_per_second=self._load.requests_per_second,
            seed=seed,
        )
        analyst = Analyst(self._instance, self._app_public_id, seed)
        longest = 0.0
        with _running(traffic), _running(analyst):
            for fault in faults:
                time.sleep(dice.uniform(0.5, 1.5) * self._load.seconds_before)
                fault.happen(self._instance, dice)
                longest = max(longest, self._seconds_until_well())
            time.sleep(self._load.seconds_after)
        self._instance.wait_until(self._is_backlog_empty, _WAIT_SECONDS, "done with its backlog")
        findings = check(self._instance, self._app_public_id, [person.book for person in people])
        findings.complaints += [f"orphan: {line}" for line in self._instance.orphans()]
        findings.complaints += [f"answered: {text}" for text in traffic.answers.unlike_success]
        findings.complaints += [f"{times} pages broke or hung: {page}" for page, times in analyst.broke.items()]
        return Outcome(label, findings, longest, traffic.answers, analyst.statuses, analyst.boxes_late)

    def _seconds_until_well(self) -> float:
        """Measure how long it takes until all processes are there, health is good, and a request is soon applied."""
        began = time.monotonic()
        look_again_at = began + _WAIT_SECONDS
        while not self._is_well():
            if time.monotonic() > look_again_at:
                raise InstanceError(f"not well within {_WAIT_SECONDS:g} s: {self._instance.health()}")
            time.sleep(0.1)
        return time.monotonic() - began

    def _is_well(self) -> bool:
        if self._instance.processes().keys() != set(NAMES):
            return False
        if not self._is_probe_applied():
            return False
        status, said = self._instance.health()
        return status == 200 and said["backlog"]["age_seconds"] < _FRESH_SECONDS

    def _is_probe_applied(self) -> bool:
        """Send one request and tell whether it is acknowledged and applied at once."""
        self._probes += 1
        device_id = f"probe-{self._probes}"
        stamp = str(int(time.time() * 1000))
        form = urlencode({"app_key": self._app_key, "device_id": device_id, "timestamp": stamp, "begin_session": "1"})
        status, _ = self._instance.get(f"/i?{form}", seconds=_PROBE_SECONDS)
        key = str(keys.user_key(self._app_public_id, device_id))
        until = time.monotonic() + _PROBE_SECONDS
        while status == 200 and time.monotonic() < until:
            with suppress(psycopg2.Error, InstanceError):
                if self._instance.rows("SELECT 1 FROM profiles_session WHERE user_id = %s", (key,)):
                    return True
            time.sleep(0.02)
        return False

    def _is_backlog_empty(self) -> bool:
        return self._instance.rows("SELECT count(*) FROM ingest_inboxrequest") == [(0,)]


@contextmanager
def _running(somebody: Traffic | Analyst) -> Iterator[None]:
    somebody.start()
    try:
        yield
    finally:
        somebody.stop()
