"""A person's month as HTTP requests, in the order in which they arrive at the server."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

from ingest.demo.people import Handset, Person, make_person
from ingest.demo.releases import newest_release
from ingest.demo.requests import DemoRequest, Mark
from ingest.demo.rhythm import visit_times
from ingest.demo.sdk import PresentReached, Sdk
from ingest.demo.visits import Customer, Visit

_OS_UPDATE_SHARE: Final = 0.55
"""When in the period people update their OS."""
_LATE_CHANCE: Final = 0.12
_FEWEST_VISITS_TO_BE_LATE: Final = 4
_SECOND_DEVICE_CHANCE: Final = 0.3


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be told. Equal plans give equal requests, byte by byte."""

    app_key: str
    seed: str
    now: datetime
    days: int
    salt: str = ""

    @property
    def since(self) -> datetime:
        """Start of the period."""
        return self.now - timedelta(days=self.days)


def story_of(plan: Plan, number: int) -> list[DemoRequest]:
    """Tell the month of the person with this number. No request is stamped later than `plan.now`."""
    person = make_person(plan.seed, number)
    rng = Random(f"{plan.seed}/month/{number}")  # noqa: S311 - a story, not a secret
    starts = visit_times(person, rng, since=plan.since, now=plan.now)
    customer = Customer(person)
    first = _install(plan, person, person.handset, rng)
    second = _install(plan, person, person.second_handset, rng) if person.second_handset else None
    visits: list[list[DemoRequest]] = []
    for start in starts:
        is_on_second = second is not None and customer.is_signed_up and rng.random() < _SECOND_DEVICE_CHANCE
        sdk = second if second is not None and is_on_second else first
        visits.append(_visit(plan, sdk, customer, rng, start, is_on_second=is_on_second))
        customer.visits += 1
    return [request for visit in _delay_one(visits, rng) for request in visit]


def _install(plan: Plan, person: Person, handset: Handset, rng: Random) -> Sdk:
    now_ms = round(plan.now.timestamp() * 1000)
    return Sdk(plan.app_key, plan.salt, handset, person.place, person.locating, rng, now_ms)


def _visit(
    plan: Plan, sdk: Sdk, customer: Customer, rng: Random, start: datetime, *, is_on_second: bool
) -> list[DemoRequest]:
    person = customer.person
    release = newest_release(start, since=plan.since, until=plan.now, delay=person.updates_after)
    is_os_updated = start >= plan.since + _OS_UPDATE_SHARE * timedelta(days=plan.days)
    signs_up = person.account is not None and not customer.is_signed_up and customer.visits >= person.signs_up_at_visit
    # On a second device people look around as strangers first, now and then.
    logs_in = is_on_second and not sdk.is_known and rng.random() < 0.6
    sdk.outbox = []
    try:
        sdk.open(start, release, sdk.handset.newer_os_version if is_os_updated else sdk.handset.os_version)
        Visit(sdk, customer, rng).play(signs_up=signs_up, logs_in=logs_in)
    except PresentReached:
        pass  # still in the app
    return sdk.outbox


def _delay_one(visits: list[list[DemoRequest]], rng: Random) -> list[list[DemoRequest]]:
    """Let the data of one visit arrive after that of later ones, now and then: the device was offline."""
    if len(visits) < _FEWEST_VISITS_TO_BE_LATE or rng.random() >= _LATE_CHANCE:
        return visits
    position = rng.randrange(1, len(visits) - 1)
    late = [
        replace(request, mark=Mark.LATE) if request.mark is Mark.ORDINARY else request for request in visits[position]
    ]
    rest = visits[:position] + visits[position + 1 :]
    back_online = rng.randrange(position + 1, len(rest) + 1)
    return [*rest[:back_online], late, *rest[back_online:]]
