"""Sign-ins and sign-outs into the audit log.

Django's own signals, the one place that every way in passes: the page, the administration, OpenID Connect.
"""

from typing import Any

from axes.signals import user_locked_out
from django.contrib.auth.models import AbstractBaseUser, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from profiles.access import audit
from profiles.access.audit import Action
from profiles.access.origin import client_address

UNKNOWN = "somebody unknown"


def listen() -> None:
    """Begin to record; called once, when the apps are ready."""
    user_logged_in.connect(_signed_in, dispatch_uid="audit")
    user_logged_out.connect(_signed_out, dispatch_uid="audit")
    user_login_failed.connect(_failed, dispatch_uid="audit")
    user_locked_out.connect(_locked_out, dispatch_uid="audit")


def _address(request: HttpRequest | None) -> str:
    return client_address(request) if request is not None else ""


def _signed_in(request: HttpRequest | None, user: AbstractBaseUser, **_: Any) -> None:
    audit.record(user, None, Action.SIGNED_IN, address=_address(request))


def _signed_out(request: HttpRequest | None, user: AbstractBaseUser | None, **_: Any) -> None:
    if user is not None:
        audit.record(user, None, Action.SIGNED_OUT, address=_address(request))


def _failed(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    audit.record(
        _known_name(str(credentials.get("username", ""))), None, Action.SIGN_IN_FAILED, address=_address(request)
    )


def _locked_out(request: HttpRequest, username: str, ip_address: str | None, **_: Any) -> None:
    audit.record(_known_name(username), None, Action.LOCKED_OUT, address=ip_address or "")


def _known_name(typed: str) -> str:
    """Return the name if somebody has it: people type passwords into the wrong field, which no log may keep."""
    return typed if User.objects.filter(username=typed).exists() else UNKNOWN
