"""API keys: made and revoked by their person, asked for by whoever answers programs.

key = api_keys.authenticate(request.GET.get("api_key", ""))           # None: answer 401
app = api_keys.get_app_or_404(key, app_id, Role.VIEWER)               # Http404, PermissionDenied
"""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404

from profiles.access import audit, masking, permissions
from profiles.access.models import ApiKey, App
from profiles.access.permissions import Role

KEY_LENGTH = 40
PREFIX_LENGTH = 8
USE_NOTED_EVERY = timedelta(minutes=1)  # a program that asks a hundred times a second costs one UPDATE a minute


def digest_of(key: str) -> str:
    """Return what is stored of a key. It has 160 random bits, so a plain hash is enough."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


@transaction.atomic
def create(
    *,
    user: User,
    name: str = "",
    app: App | None = None,
    may_write: bool = False,
    expires_at: datetime | None = None,
    address: str = "",
) -> str:
    """Create a key with the rights of `user`, in one app or in all, and return it; it cannot be read again."""
    text = secrets.token_hex(KEY_LENGTH // 2)
    key = ApiKey.objects.create(
        user=user,
        name=name,
        prefix=text[:PREFIX_LENGTH],
        digest=digest_of(text),
        app=app,
        may_write=may_write,
        expires_at=expires_at,
    )
    detail = {"app": app.name if app else "all", "may write": may_write}
    audit.record(user, None, audit.Action.API_KEYS_CHANGED, f"key {key.prefix} created", detail, address=address)
    return text


@transaction.atomic
def revoke(key: ApiKey, *, by: User, address: str = "") -> None:
    """Revoke a key for good; a second time does nothing."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=datetime.now(tz=UTC)):
        audit.record(by, None, audit.Action.API_KEYS_CHANGED, f"key {key.prefix} revoked", address=address)


def keys_of(user: User) -> QuerySet[ApiKey]:
    """Return a person's keys, the newest first."""
    return ApiKey.objects.filter(user=user).select_related("app").order_by("-id")


def authenticate(text: str) -> ApiKey | None:
    """Return the key that a program shows, with its `user`, or None if it opens nothing. One query, seldom two."""
    if len(text) != KEY_LENGTH:
        return None
    now = datetime.now(tz=UTC)
    key = ApiKey.objects.select_related("user").filter(digest=digest_of(text)).first()
    if key is None or not key.is_valid(now) or not key.user.is_active:
        return None
    not_noted = Q(last_used_at=None) | Q(last_used_at__lt=now - USE_NOTED_EVERY)
    if key.last_used_at is None or key.last_used_at < now - USE_NOTED_EVERY:
        ApiKey.objects.filter(not_noted, pk=key.pk).update(last_used_at=now)
    return key


def visible_apps(key: ApiKey) -> QuerySet[App]:
    """Return the apps that a key opens, each with `viewer_role`, what its person is there."""
    apps = permissions.visible_apps(key.user)
    return apps if key.app_id is None else apps.filter(pk=key.app_id)


def get_app_or_404(key: ApiKey, public_id: str, role: Role = Role.VIEWER, *, writes: bool = False) -> App:
    """Return the app, with `viewer_role`, if the key opens it and its person holds at least `role`: one query.

    Raises Http404 where the key must not learn that the app exists, PermissionDenied where it may less: also for
    `writes` with a key that only reads.
    """
    app = visible_apps(key).filter(public_id=public_id).first()
    if app is None:
        raise Http404
    if not permissions.has_role(Role(app.viewer_role), role) or (writes and not key.may_write):
        raise PermissionDenied
    masking.begin(app)
    return app
