"""Reads of one app user. Each starts from the user's key and has a limit."""

from collections.abc import Collection
from uuid import UUID

from profiles.access.models import App
from profiles.users.keys import uid_number
from profiles.users.models import AppUser, ConsentChange, DeviceToken, Identity, Merge, PropertyChange

CHANGES_READ = 1000
MERGES_READ = 100
MERGES_FOLLOWED = 20
TOKENS_READ = 50
CONSENT_CHANGES_READ = 50

_CUSTOM = "custom."


def find_user(app: App, uid: str) -> AppUser | None:
    """Return the app's user of this uid with its activity, in one query; no query for what is no uid at all."""
    try:
        uid_number(uid)
    except ValueError:
        return None
    user = AppUser.objects.filter(app=app, uid=uid).select_related("activity").order_by("created_at", "id").first()
    if user is not None:
        user.app = app
    return user


def survivor_of(app: App, uid: str) -> AppUser | None:
    """Return who a uid that was merged away leads to, merge after merge; None where it leads to nobody."""
    try:
        uid_number(uid)
    except ValueError:
        return None
    merge = Merge.objects.filter(app=app, absorbed_uid=uid).order_by("-applied_at").first()
    for _ in range(MERGES_FOLLOWED):
        if merge is None:
            return None
        id = merge.absorbed_id if merge.undone_at else merge.user_id
        user = AppUser.objects.filter(app=app, id=id).first()
        if user is not None:
            return user
        merge = Merge.objects.filter(app=app, absorbed_id=id, undone_at=None).order_by("-applied_at").first()
    return None


def detail_changes(user_id: UUID, names: Collection[str], limit: int = CHANGES_READ) -> list[PropertyChange]:
    """Return what these details were set to, newest first."""
    changes = PropertyChange.objects.filter(user_id=user_id, name__in=names)
    return list(changes.order_by("-changed_at", "-id")[:limit])


def custom_changes(user_id: UUID, limit: int = CHANGES_READ) -> list[PropertyChange]:
    """Return what custom properties were set to, newest first."""
    changes = PropertyChange.objects.filter(user_id=user_id, name__startswith=_CUSTOM)
    return list(changes.order_by("-changed_at", "-id")[:limit])


def merges_into(user_id: UUID, limit: int = MERGES_READ) -> list[Merge]:
    """Return who was merged into the user, newest first."""
    merges = Merge.objects.filter(user_id=user_id).select_related("merged_by")
    return list(merges.defer("survivor_before", "absorbed_before").order_by("-applied_at", "-id")[:limit])


def identities_of(user_id: UUID, limit: int = MERGES_READ) -> list[Identity]:
    """Return the device ids whose earlier data belongs to the user, the last one that joined first."""
    return list(Identity.objects.filter(user_id=user_id).order_by("-until", "device_key")[:limit])


def tokens_of(user_id: UUID, limit: int = TOKENS_READ) -> list[DeviceToken]:
    """Return where messages for the user can be sent, the last registered first."""
    return list(DeviceToken.objects.filter(user_id=user_id).order_by("-last_registered_at", "token_key")[:limit])


def consent_changes(user_id: UUID, limit: int = CONSENT_CHANGES_READ) -> list[ConsentChange]:
    """Return what the user allowed or withdrew, newest first."""
    return list(ConsentChange.objects.filter(user_id=user_id).order_by("-changed_at", "-id")[:limit])
