"""Notes about a user: everybody who sees the user reads them, analysts write, each changes their own."""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from profiles.access import audit
from profiles.access.models import App
from profiles.profile.models import Note
from profiles.users.models import AppUser, Identity

LONGEST: Final = 4000
MOST_READ: Final = 200


class NoteError(ValueError):
    """A note that cannot be kept; the words are for who wrote it."""


def notes_of(user_id: UUID) -> QuerySet[Note]:
    """Return the notes about a user and about whom it absorbed, newest first."""
    devices = Identity.objects.filter(user_id=user_id).values("device_key")
    return (Note.objects.filter(user_id=user_id) | Note.objects.filter(user_id__in=devices)).order_by(
        "-created_at", "-id"
    )


def clean(text: str) -> str:
    """Return a note as it is kept; raise NoteError."""
    text = text.replace("\x00", "").strip()
    if not 0 < len(text) <= LONGEST:
        raise NoteError(f"A note has 1 to {LONGEST} characters.")
    return text


@transaction.atomic
def write(app: App, user: AppUser, text: str, *, by: User, now: datetime, address: str = "") -> Note:
    """Write a note. Raises NoteError."""
    note = Note.objects.create(
        user_id=user.id, app=app, author=by, author_name=by.get_username(), text=clean(text), created_at=now
    )
    _record(app, user, "note written", by, address)
    return note


@transaction.atomic
def change(app: App, user: AppUser, note: Note, text: str, *, by: User, now: datetime, address: str = "") -> None:
    """Change a note; one that stays as it is does not count as edited. Raises NoteError."""
    text = clean(text)
    if text != note.text:
        note.text, note.edited_at = text, now
        note.save(update_fields=["text", "edited_at"])
        _record(app, user, "note changed", by, address)


@transaction.atomic
def delete(app: App, user: AppUser, note: Note, *, by: User, address: str = "") -> None:
    """Delete a note."""
    note.delete()
    _record(app, user, "note deleted", by, address)


def _record(app: App, user: AppUser, deed: str, by: User, address: str) -> None:
    audit.record(by, app, audit.Action.EDITED, f"user {user.uid}", {"deed": deed}, address=address)
