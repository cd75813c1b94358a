"""Who belongs to an app: members, their roles, and links that invite. Every change is in the app's audit log."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from profiles.access import audit
from profiles.access.models import App, Invitation, Membership
from profiles.access.permissions import Role, has_role

VALID_FOR: Final = timedelta(days=7)
Action = audit.Action


class LastAdminError(Exception):
    """An app has to keep one admin."""


def members_of(app: App) -> QuerySet[Membership]:
    """Return the members of an app, by name."""
    return Membership.objects.filter(app=app).select_related("user").order_by("user__username")


def invitations_of(app: App) -> QuerySet[Invitation]:
    """Return the invitations that were neither accepted nor revoked, the newest first."""
    return Invitation.objects.filter(app=app, accepted_at=None, revoked_at=None).order_by("-id")


@transaction.atomic
def change_role(member: Membership, role: Role, *, by: User, address: str = "") -> None:
    """Give a member another role. Raises LastAdminError."""
    if member.role == role:
        return
    _keep_an_admin(member)
    detail = {"role": f"{member.role} → {role.value}"}
    member.role = role
    member.save(update_fields=["role"])
    audit.record(by, member.app, Action.MEMBERS_CHANGED, member.user.get_username(), detail, address=address)


@transaction.atomic
def remove(member: Membership, *, by: User, address: str = "") -> None:
    """Take somebody out of an app: it is closed to them at once. Raises LastAdminError."""
    _keep_an_admin(member)
    member.delete()
    detail = {"role": f"{member.role} → none"}
    audit.record(by, member.app, Action.MEMBERS_CHANGED, member.user.get_username(), detail, address=address)


def _keep_an_admin(member: Membership) -> None:
    admins = Membership.objects.select_for_update().filter(app=member.app, role=Role.ADMIN)
    if {admin.pk for admin in admins} == {member.pk}:
        raise LastAdminError


@transaction.atomic
def invite(app: App, *, role: Role, note: str, by: User, now: datetime, address: str = "") -> str:
    """Make an invitation and return the token of its link, this once."""
    token = secrets.token_urlsafe(32)
    Invitation.objects.create(
        app=app,
        role=role,
        note=note,
        digest=_digest(token),
        invited_by=by.get_username(),
        expires_at=now + VALID_FOR,
    )
    audit.record(by, app, Action.MEMBERS_CHANGED, f"invited {note}", {"role": role.value}, address=address)
    return token


@transaction.atomic
def renew(invitation: Invitation, *, by: User, now: datetime, address: str = "") -> str:
    """Give an invitation a new link, valid from now; the old one opens nothing more."""
    token = secrets.token_urlsafe(32)
    invitation.digest, invitation.expires_at = _digest(token), now + VALID_FOR
    invitation.save(update_fields=["digest", "expires_at"])
    audit.record(by, invitation.app, Action.MEMBERS_CHANGED, f"invited {invitation.note} again", address=address)
    return token


@transaction.atomic
def revoke(invitation: Invitation, *, by: User, now: datetime, address: str = "") -> None:
    """Take an invitation back."""
    if Invitation.objects.filter(pk=invitation.pk, revoked_at=None, accepted_at=None).update(revoked_at=now):
        subject = f"invitation of {invitation.note} revoked"
        audit.record(by, invitation.app, Action.MEMBERS_CHANGED, subject, address=address)


def find(token: str, now: datetime) -> Invitation | None:
    """Return the invitation of a link that still works."""
    found = Invitation.objects.select_related("app").filter(digest=_digest(token)).first()
    return found if found is not None and found.is_open(now) else None


@transaction.atomic
def accept(token: str, user: User, now: datetime, *, address: str = "") -> App | None:
    """Make somebody a member by a link, once; None if it works no more. A higher role that one has already stays."""
    locked = Invitation.objects.select_for_update().filter(digest=_digest(token)).first()
    if locked is None or not locked.is_open(now):
        return None
    role = Role(locked.role)
    member, is_new = Membership.objects.get_or_create(user=user, app=locked.app, defaults={"role": role})
    if not is_new and not has_role(Role(member.role), role):
        member.role = role
        member.save(update_fields=["role"])
    locked.accepted_at, locked.accepted_by = now, user.get_username()
    locked.save(update_fields=["accepted_at", "accepted_by"])
    detail = {"role": f"none → {role.value}" if is_new else member.role}
    audit.record(user, locked.app, Action.MEMBERS_CHANGED, f"joined as {locked.note}", detail, address=address)
    return locked.app


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
