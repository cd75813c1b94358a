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
DRAINED_PER_SECOND = 500.0  # of what had gathered: so much longer it may take until nothing waits
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
    seconds_until_at_work: float  # all processes are there, health is good, and requests are applied again
    seconds_until_well: float  # and what gathered is applied: a new request is on its profile at once
    seconds_allowed: float  # for that
    answers: Answers = field(default_factory=Answers)
    pages: Counter[int] = field(default_factory=Counter)  # how often an analyst was answered so; 0 is no answer
    boxes_late: int = 0  # pages with a part that said that it took too long

    @property
    def is_good(self) -> bool:
        """Tell whether nothing was lost, doubled or disordered, and the system was well again in time."""
        return self.findings.is_good and not self.is_late

    @property
    def is_late(self) -> bool:
        """Tell whether the way back took too long."""
        return self.seconds_until_at_work > WELL_WITHIN_SECONDS or self.seconds_until_well > self.seconds_allowed


@dataclass(frozen=True, slots=True)
class _Recovery:
    at_work_seconds: float
    well_seconds: float
    allowed_seconds: float


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
        recoveries: list[_Recovery] = []
        with _running(traffic), _running(analyst):
            for fault in faults:
                time.sleep(dice.uniform(0.5, 1.5) * self._load.seconds_before)
                fault.happen(self._instance, dice)
                recoveries.append(self._recovery())
            time.sleep(self._load.seconds_after)
        self._instance.wait_until(self._is_backlog_empty, _WAIT_SECONDS, "done with its backlog")
        findings = check(self._instance, self._app_public_id, [person.book for person in people])
        findings.complaints += [f"orphan: {line}" for line in self._instance.orphans()]
        findings.complaints += [f"answered: {text}" for text in traffic.answers.unlike_success]
        findings.complaints += [f"{times} pages broke or hung: {page}" for page, times in analyst.broke.items()]
        slowest = max(recoveries, key=lambda recovery: recovery.well_seconds - recovery.allowed_seconds)
        return Outcome(
            fault=label,
            findings=findings,
            seconds_until_at_work=max(recovery.at_work_seconds for recovery in recoveries),
            seconds_until_well=slowest.well_seconds,
            seconds_allowed=slowest.allowed_seconds,
            answers=traffic.answers,
            pages=analyst.statuses,
            boxes_late=analyst.boxes_late,
        )

    def _recovery(self) -> _Recovery:
        """Measure how long it takes until requests are applied again, and until a new one is applied at once."""
        began = time.monotonic()
        at_work_seconds: float | None = None
        most_waited = 0
        oldest: int | None = None  # of the requests that wait: when it goes, something is applied
        while time.monotonic() < began + _WAIT_SECONDS:
            status, said = self._instance.health()
            if status == 200 and self._instance.processes().keys() == set(NAMES):
                most_waited = max(most_waited, said["backlog"]["requests"])
                now_oldest = self._oldest_waiting()
                if at_work_seconds is None and now_oldest != oldest is not None:
                    at_work_seconds = time.monotonic() - began
                oldest = now_oldest
                if said["backlog"]["age_seconds"] < _FRESH_SECONDS and self._is_probe_applied():
                    seconds = time.monotonic() - began
                    allowed = WELL_WITHIN_SECONDS + most_waited / DRAINED_PER_SECOND
                    return _Recovery(seconds if at_work_seconds is None else at_work_seconds, seconds, allowed)
            time.sleep(0.1)
        raise InstanceError(f"not well within {_WAIT_SECONDS:g} s: {self._instance.health()}")

    def _oldest_waiting(self) -> int | None:
        with suppress(psycopg2.Error, InstanceError):
            ((oldest,),) = self._instance.rows("SELECT min(id) FROM ingest_inboxrequest")
            return int(oldest) if oldest is not None else None
        return None

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
