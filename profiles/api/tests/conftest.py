"""An app with some of everything, and programs with keys of its people."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from profiles.access import api_keys
from profiles.access.models import AppTotals, Membership
from profiles.funnels.models import Funnel, FunnelCompletion
from profiles.tests.factories import (
    People,
    make_crash,
    make_crash_group,
    make_day,
    make_event,
    make_funnel,
    make_people,
    make_session,
    make_user,
)
from profiles.users.models import AppUser

NOW = datetime.now(tz=UTC).replace(minute=30, second=0, microsecond=0)


@dataclass(frozen=True)
class Program:
    """A program with a key."""

    key: str
    app_id: str

    def ask(self, address: str, **parameters: Any) -> Any:
        """Ask by POST; values that are no texts go as JSON."""
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
        return Client().post(address, {"api_key": self.key, "app_id": self.app_id, **texts})

    def get(self, address: str, **parameters: Any) -> Any:
        """Return the JSON of an answer that must be one."""
        answer = self.ask(address, **parameters)
        assert answer.status_code == 200, answer.content
        return json.loads(answer.content)

    def read(self, method: str, **parameters: Any) -> Any:
        """Return what `/o` answers to a method."""
        return self.get("/o", method=method, **parameters)

    def error(self, address: str, **parameters: Any) -> tuple[int, Any]:
        """Return status and `result` of an error."""
        answer = self.ask(address, **parameters)
        assert answer.status_code >= 400, answer.content
        return answer.status_code, json.loads(answer.content)["result"]


@dataclass(frozen=True)
class World:
    """The app and what is in it."""

    people: People
    mara: AppUser
    bo: AppUser
    funnel: Funnel
    program: Callable[..., Program]

    @property
    def alice(self) -> Program:
        """A program of the app's admin, which may write."""
        return self.program(self.people.alice, may_write=True)

    @property
    def bob(self) -> Program:
        """A program of somebody who may only read."""
        return self.program(self.people.bob, may_write=True)


@pytest.fixture
def world(db: None) -> World:
    people = make_people()
    app = people.app
    mara = make_user(
        app,
        "dev-mara",
        seen_at=NOW,
        is_identified=True,
        name="Mara Lind",
        email="mara@example.com",
        country="NO",
        platform="Android",
        custom={"plan": "pro", "age": 31},
        consent={"push": True},
        activity={"sessions_count": 3, "total_seconds": 180, "events_count": 4},
    )
    bo = make_user(app, "dev-bo", seen_at=NOW - timedelta(days=20), country="SE", activity={"sessions_count": 1})
    AppTotals.objects.create(app=app, shard=0, users=2, identified=1)
    for days in range(3):
        start = NOW - timedelta(days=days)
        make_session(mara, start, country="NO" if days else "SE")
        make_day(mara, start.date(), sessions=1, events=1, seconds=60)
    for number in range(4):
        make_event(mara, "buy" if number else "view_item", NOW + timedelta(seconds=number), {"sku": f"k{number}"})
    group = make_crash_group(
        app, "IOError", NOW, platform="Android", latest_version="2.4.1", occurrences_count=2, users_count=1
    )
    make_crash(mara, group, NOW)
    make_crash(mara, group, NOW + timedelta(seconds=1))
    funnel = make_funnel(app, "Buy", "view_item", "buy")
    FunnelCompletion.objects.create(
        user_id=mara.id,
        funnel=funnel,
        entered_on=NOW.date(),
        app=app,
        steps_reached=2,
        step_times=[NOW, NOW + timedelta(seconds=35)],
    )

    def program(person: User, **options: Any) -> Program:
        return Program(api_keys.create(user=person, **options), app.public_id)

    return World(people, mara, bo, funnel, program)


def promote(world: World, role: Membership.Role) -> None:
    """Make Bob more than a reader."""
    Membership.objects.filter(user=world.people.bob).update(role=role)
