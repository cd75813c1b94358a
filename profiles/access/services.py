"""Writes about apps and who may see them."""

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction

from profiles.access.models import (
    App,
    Membership,
    UidCounter,
    new_app_key,
    validate_timezone,
)


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
