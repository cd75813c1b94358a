"""Writes about apps and who may see them."""

import hashlib
import secrets

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction

from profiles.access.models import (
    ApiKey,
    App,
    Membership,
    UidCounter,
    new_app_key,
    validate_timezone,
)

API_KEY_PREFIX_LENGTH = 8


@transaction.atomic
def create_app(
    *,
    name: str,
    key: str = "",
    salt: str = "",
    timezone: str = "UTC",
    is_demo: bool = False,
    owner: AbstractBaseUser | None = None,
) -> App:
    """Create an app with its uid counter; `owner` becomes its admin.

    Raises ValidationError for a name that is empty, a key that is taken or a time zone that does not exist.
    """
    validate_timezone(timezone)
    if not name.strip():
        raise ValidationError("An app needs a name.")
    if key and App.objects.filter(key=key).exists():
        raise ValidationError("Another app has this key already.")
    app = App.objects.create(
        name=name.strip(),
        key=key or new_app_key(),
        salt=salt,
        timezone=timezone,
        is_demo=is_demo,
    )
    UidCounter.objects.create(app=app)
    if owner is not None:
        Membership.objects.create(user_id=owner.pk, app=app, role=Membership.Role.ADMIN)
    return app


def digest_of_api_key(key: str) -> str:
    """Return what is stored of an API key. It has 160 random bits, so a plain hash is enough."""
    return hashlib.sha256(key.encode()).hexdigest()


def create_api_key(*, user: AbstractBaseUser, name: str = "") -> str:
    """Create an API key with the rights of `user` and return it; it cannot be read again."""
    key = secrets.token_hex(20)
    ApiKey.objects.create(
        user_id=user.pk,
        name=name,
        prefix=key[:API_KEY_PREFIX_LENGTH],
        digest=digest_of_api_key(key),
    )
    return key
