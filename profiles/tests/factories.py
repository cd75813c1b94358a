"""What tests need in the tables, one plain function per kind of row, written to the models directly.

Alice owns the app, Bob may read it, Charlie must see nothing. Times are given; nothing here reads a clock.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from profiles.access.models import App, Membership
from profiles.access.services import create_app
from profiles.activity.models import DailyActivity, Event, EventKey, Session
from profiles.activity.services import POSITIONS
from profiles.crashes.models import Crash, CrashGroup, CrashUser
from profiles.funnels.models import Funnel, FunnelStep
from profiles.users.keys import uid as uid_of, user_key
from profiles.users.models import AppUser, PropertyChange, UserActivity

PASSWORD = "correct horse battery staple"

_request_ids = count(1)


@dataclass(frozen=True)
class People:
    """The three people of every access test, and the app they are about."""

    app: App
    alice: User
    bob: User
    charlie: User


def make_person(username: str, **fields: Any) -> User:
    """Make somebody who can sign in with PASSWORD."""
    return User.objects.create_user(username=username, password=PASSWORD, **fields)


def make_app(name: str = "Kahve", *, timezone: str = "UTC", owner: User | None = None) -> App:
    """Make an app; `owner` is its admin."""
    return create_app(name=name, timezone=timezone, owner=owner)


def make_people(*, timezone: str = "UTC") -> People:
    """Make Alice with her app, Bob who reads it, and Charlie with an app of his own."""
    alice, bob, charlie = (make_person(name) for name in ("alice", "bob", "charlie"))
    app = make_app(timezone=timezone, owner=alice)
    Membership.objects.create(user=bob, app=app, role=Membership.Role.VIEWER)
    make_app("Charlie's", owner=charlie)
    return People(app, alice, bob, charlie)


def request_id() -> int:
    """Return the id of the next invented request."""
    return next(_request_ids)


def make_user(
    app: App,
    device_id: str = "device-1",
    *,
    seen_at: datetime | None = None,
    created_at: datetime | None = None,
    activity: dict[str, Any] | None = None,
    **fields: Any,
) -> AppUser:
    """Make an app user: anonymous and never seen, unless `fields` and `activity` say otherwise."""
    key = user_key(app.public_id, device_id)
    number = AppUser.objects.filter(app=app).count() + 1
    user = AppUser.objects.create(
        id=key,
        app=app,
        uid=fields.pop("uid", uid_of(number)),
        device_id=device_id,
        created_at=created_at or seen_at or datetime.fromisoformat("2026-01-01T00:00:00+00:00"),
        **fields,
    )
    UserActivity.objects.create(
        user=user,
        app=app,
        is_identified=user.is_identified,
        **{"first_seen_at": seen_at, "last_seen_at": seen_at, "last_signal_at": seen_at} | (activity or {}),
    )
    return user


def make_session(
    user: AppUser,
    started_at: datetime,
    *,
    seconds: int = 60,
    is_ended: bool = True,
    id: int | None = None,
    **fields: Any,
) -> Session:
    """Make a session that was signalled for `seconds`; one that is not ended may still go on."""
    last = started_at + timedelta(seconds=seconds)
    return Session.objects.create(
        user_id=user.id,
        original_user_id=user.id,
        app_id=user.app_id,
        started_at=started_at,
        id=id or request_id(),
        last_signal_at=last,
        ended_at=last if is_ended else None,
        duration_seconds=seconds,
        **fields,
    )


def make_event(
    user: AppUser,
    key: str,
    occurred_at: datetime,
    segmentation: dict[str, Any] | None = None,
    *,
    position: int = 0,
    **fields: Any,
) -> Event:
    """Make one event, in a request of its own."""
    event_key, _ = EventKey.objects.get_or_create(app_id=user.app_id, key=key)
    return Event.objects.create(
        user_id=user.id,
        original_user_id=user.id,
        app_id=user.app_id,
        occurred_at=occurred_at,
        id=request_id() * POSITIONS + position,
        received_at=fields.pop("received_at", occurred_at),
        key=event_key,
        segmentation=segmentation,
        **fields,
    )


def make_day(user: AppUser, on: date, *, sessions: int = 0, events: int = 0, seconds: int = 0) -> DailyActivity:
    """Make the totals of one day."""
    return DailyActivity.objects.create(
        user_id=user.id,
        original_user_id=user.id,
        app_id=user.app_id,
        on=on,
        sessions=sessions,
        events=events,
        seconds=seconds,
    )


def make_crash_group(app: App, title: str, seen_at: datetime, **fields: Any) -> CrashGroup:
    """Make a crash group, fatal unless said otherwise."""
    return CrashGroup.objects.create(
        app=app,
        title=title,
        fingerprint=fields.pop("fingerprint", f"{request_id():040x}"),
        is_fatal=fields.pop("is_fatal", True),
        first_seen_at=seen_at,
        last_seen_at=seen_at,
        **fields,
    )


def make_crash(user: AppUser, group: CrashGroup, occurred_at: datetime, *, app_version: str = "1.0") -> Crash:
    """Make one occurrence and count it for the user."""
    row, _ = CrashUser.objects.get_or_create(
        user_id=user.id,
        group=group,
        original_user_id=user.id,
        defaults={"app_id": user.app_id, "last_at": occurred_at, "last_app_version": app_version},
    )
    CrashUser.objects.filter(user_id=user.id, group=group).update(count=row.count + 1, last_at=occurred_at)
    return Crash.objects.create(
        user_id=user.id,
        original_user_id=user.id,
        app_id=user.app_id,
        occurred_at=occurred_at,
        id=request_id() * POSITIONS,
        received_at=occurred_at,
        group=group,
        app_version=app_version,
        report={"error": group.title},
    )


def make_funnel(app: App, name: str, *event_keys: str, **fields: Any) -> Funnel:
    """Make a funnel of these steps, without conditions."""
    funnel = Funnel.objects.create(app=app, name=name, **fields)
    for position, event_key in enumerate(event_keys, start=1):
        FunnelStep.objects.create(funnel=funnel, position=position, event_key=event_key)
    return funnel


def make_property_change(
    user: AppUser, name: str, value: Any, changed_at: datetime, *, original_user_id: UUID | None = None
) -> PropertyChange:
    """Record that a property took a value."""
    return PropertyChange.objects.create(
        user_id=user.id,
        original_user_id=original_user_id or user.id,
        changed_at=changed_at,
        id=request_id() * POSITIONS,
        received_at=changed_at,
        name=name,
        value=value,
    )
