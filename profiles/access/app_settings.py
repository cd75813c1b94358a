"""Writes about an app's settings: each is audited, in one transaction with what it changes.

Keys and salts that take over from others leave those valid for a time, so that devices that have not updated yet are
still let in (`ingest.app_keys` reads the times). Audit entries never hold a key or a salt.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from profiles import pictures
from profiles.access import audit
from profiles.access.models import App, new_app_key
from profiles.access.services import create_app

Action = audit.Action


@transaction.atomic
def create(*, by: User, name: str, timezone: str, key: str = "", address: str = "") -> App:
    """Create an app whose admin is `by`. Raises ValidationError as `create_app` does."""
    if key and key_is_taken(key):
        raise ValidationError("Another app has this key already.")
    app = create_app(name=name, timezone=timezone, key=key, owner=by)
    audit.record(by, app, Action.APP_CREATED, app.name, {"time zone": timezone}, address=address)
    return app


@transaction.atomic
def change(app: App, changes: Mapping[str, Any], *, by: User, address: str = "") -> list[str]:
    """Set columns of an app and return the names of those that were something else."""
    before = App.objects.select_for_update().get(pk=app.pk)
    detail = {}
    for name, value in changes.items():
        was = getattr(before, name)
        if was != value:
            detail[name.replace("_", " ")] = f"{_in_words(was)} → {_in_words(value)}"
        setattr(app, name, value)
    if detail:
        app.save(update_fields=list(changes))
        audit.record(by, app, Action.APP_CHANGED, "settings", detail, address=address)
    return list(detail)


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_in_words(inner)}" for name, inner in value.items()) or "none"
    return "none" if value is None or value == "" else str(value)


def key_is_taken(key: str) -> bool:
    """Tell whether an app has this key, or had it before its present one."""
    return App.objects.filter(Q(key=key) | Q(previous_key=key)).exists()


@transaction.atomic
def rotate_key(app: App, *, grace: timedelta, by: User, address: str = "") -> None:
    """Give the app a new key; the present one opens the door for `grace` more, one replaced before it no more."""
    now = datetime.now(tz=UTC)
    app.refresh_from_db(from_queryset=App.objects.select_for_update())
    app.previous_key, app.previous_key_until = (app.key, now + grace) if grace else (None, None)
    app.key = new_app_key()
    app.save(update_fields=["key", "previous_key", "previous_key_until"])
    audit.record(by, app, Action.APP_CHANGED, "app key replaced", {"old valid": _days(grace)}, address=address)


@transaction.atomic
def retire_key(app: App, *, by: User, address: str = "") -> None:
    """Close the door to the key that was replaced, before its time."""
    app.previous_key = app.previous_key_until = None
    app.save(update_fields=["previous_key", "previous_key_until"])
    audit.record(by, app, Action.APP_CHANGED, "old app key retired", address=address)


@transaction.atomic
def set_salt(app: App, salt: str, *, grace: timedelta, by: User, address: str = "") -> None:
    """Set the salt of checksums, or none; for `grace` more, requests are let in as they were before.

    A first salt is thus not asked for before the grace is over; without a salt nothing is asked for at once.
    """
    now = datetime.now(tz=UTC)
    app.refresh_from_db(from_queryset=App.objects.select_for_update())
    app.previous_salt, app.previous_salt_until = (app.salt, now + grace) if salt and grace else (None, None)
    app.salt = salt
    app.save(update_fields=["salt", "previous_salt", "previous_salt_until"])
    deed = "salt set" if salt else "salt removed"
    audit.record(by, app, Action.APP_CHANGED, deed, {"old way valid": _days(grace)}, address=address)


def _days(grace: timedelta) -> str:
    return f"{grace.days} days" if grace else "no longer"


@transaction.atomic
def pause(app: App, *, is_paused: bool, by: User, address: str = "") -> None:
    """Refuse SDK data, or take it again."""
    change(app, {"is_paused": is_paused}, by=by, address=address)


@transaction.atomic
def archive(app: App, *, is_archived: bool, by: User, address: str = "") -> None:
    """Put an app away: it takes no data and stands last in lists, its pages can be read; or bring it back."""
    app.archived_at = datetime.now(tz=UTC) if is_archived else None
    app.save(update_fields=["archived_at"])
    audit.record(by, app, Action.APP_CHANGED, "archived" if is_archived else "brought back", address=address)


@transaction.atomic
def set_icon(app: App, content: bytes | None, *, by: User, address: str = "") -> None:
    """Draw the app's icon from a picture, or take it away. Raises ValidationError for what is no picture."""
    former = app.icon
    if content is None:
        app.icon = ""
    else:
        stored = pictures.store(app.public_id, content, owner="icon")
        if stored is None:
            raise ValidationError("That is no PNG, JPEG or GIF picture.")
        app.icon = pictures.name_in(stored)
    app.save(update_fields=["icon"])
    if former != app.icon:
        audit.record(by, app, Action.APP_CHANGED, "icon", address=address)
        transaction.on_commit(lambda: pictures.forget(app.public_id, [former]))
