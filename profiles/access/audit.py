"""The audit log: who did what. `record` is the only way in; nothing changes or deletes what is there.

Called by views and services in the transaction of what they did, so that the entry is there exactly when the deed is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone

from profiles.access.models import App, AuditEntry

Action = AuditEntry.Action

PAGE_SIZE = 50
LONGEST_NAME = 150
LONGEST_SUBJECT = 200
SYSTEM = "system"

_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


def record(
    actor: AbstractBaseUser | AnonymousUser | str | None,
    app: App | None,
    action: AuditEntry.Action,
    subject: str = "",
    detail: Mapping[str, Any] | None = None,
    *,
    address: str = "",
) -> None:
    """Write an entry: one INSERT, in the caller's transaction.

    `actor` is the person of the request, a name for somebody who is not signed in, or None for the system itself.
    `subject` says what it was done to: "user 3f" (the uid, never a name), "funnel First purchase". `detail` holds a few
    plain values, and no personal data of app users: the entry outlives them.
    """
    if isinstance(actor, AbstractBaseUser):
        actor_id, name = actor.pk, actor.get_username()
    else:
        actor_id, name = None, actor if isinstance(actor, str) else SYSTEM if actor is None else ""
    AuditEntry.objects.create(
        at=timezone.now(),
        actor_id=actor_id,
        actor_name=_text(name, LONGEST_NAME),
        app=app,
        action=action,
        subject=_text(subject, LONGEST_SUBJECT),
        detail=dict(detail or {}),
        address=address or None,
    )


def _text(text: str, length: int) -> str:
    return text.replace("\0", "")[:length]


@dataclass(frozen=True, slots=True)
class Search:
    """Which entries a page of the log shows, as its query string says it."""

    action: str = ""
    actor: str = ""
    subject: str = ""
    before: int | None = None
    after: int | None = None

    @classmethod
    def read(cls, query: QueryDict) -> "Search":
        """Read a query string; what is no value of a field counts as not said."""
        action = query.get("action", "")
        return cls(
            action=action if action in Action.values else "",
            actor=_text(query.get("actor", "").strip(), LONGEST_NAME),
            subject=_text(query.get("subject", "").strip(), LONGEST_SUBJECT),
            before=_id(query.get("before", "")),
            after=_id(query.get("after", "")),
        )

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the page is chosen."""
        return bool(self.action or self.actor or self.subject)

    def query_string(self, **place: int) -> str:
        """Write the query string of another page of the same search."""
        said = {"action": self.action, "actor": self.actor, "subject": self.subject} | place
        return "?" + urlencode({name: value for name, value in said.items() if value})


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, newest first, and the query strings of the pages around them."""

    entries: list[AuditEntry]
    newer: str
    older: str


def read_page(entries: QuerySet[AuditEntry], search: Search, size: int = PAGE_SIZE) -> Page:
    """Read a page: one query along an index, whatever the length of the log."""
    if search.action:
        entries = entries.filter(action=search.action)
    if search.actor:
        entries = entries.filter(actor_name=search.actor)
    if search.subject:
        entries = entries.filter(subject=search.subject)
    if search.after is not None:
        found = list(entries.filter(id__gt=search.after).order_by("id")[: size + 1])
        has_newer, has_older = len(found) > size, True
        found = found[:size][::-1]
    else:
        place = entries if search.before is None else entries.filter(id__lt=search.before)
        found = list(place.order_by("-id")[: size + 1])
        has_newer, has_older = search.before is not None, len(found) > size
        found = found[:size]
    return Page(
        found,
        newer=search.query_string(after=found[0].id) if found and has_newer else "",
        older=search.query_string(before=found[-1].id) if found and has_older else "",
    )


def entries_of(app: App) -> QuerySet[AuditEntry]:
    """Return what was done in one app."""
    return AuditEntry.objects.filter(app=app)


def entries_of_instance() -> QuerySet[AuditEntry]:
    """Return what was done in no app: sign-ins, accounts, deleted apps."""
    return AuditEntry.objects.filter(app=None)


def _id(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None
