"""The second factor of a person: set up, asked for, given up. Every change and every lock-out is in the audit log."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.models import User
from django.db import transaction

from profiles import sealing
from profiles.access import audit, totp
from profiles.access.models import SecondFactor

MOST_FAILURES: Final = 5
LOCKED_FOR: Final = timedelta(minutes=15)
RECOVERY_CODES: Final = 10
_RECOVERY_BYTES: Final = 5


def of(user: User) -> SecondFactor | None:
    """Return the second factor that is asked of a person, or None."""
    return SecondFactor.objects.filter(user=user).exclude(confirmed_at=None).first()


@transaction.atomic
def begin(user: User) -> str:
    """Return the secret of a second factor that waits to be confirmed; the same until it is."""
    factor, _ = SecondFactor.objects.select_for_update().get_or_create(
        user=user, defaults={"secret": sealing.seal(totp.new_secret())}
    )
    try:
        return sealing.unseal(factor.secret)
    except sealing.UnsealError:
        secret = totp.new_secret()
        SecondFactor.objects.filter(pk=factor.pk, confirmed_at=None).update(secret=sealing.seal(secret))
        return secret


@transaction.atomic
def confirm(user: User, code: str, now: datetime, *, address: str = "") -> list[str] | None:
    """Ask for codes from now on, if this one is right; return the recovery codes, once, or None for a wrong code."""
    factor = SecondFactor.objects.select_for_update().filter(user=user, confirmed_at=None).first()
    if factor is None:
        return None
    step = totp.matching_step(sealing.unseal(factor.secret), code, now, after=0)
    if step is None:
        return None
    codes = [secrets.token_hex(_RECOVERY_BYTES) for _ in range(RECOVERY_CODES)]
    factor.confirmed_at, factor.last_step, factor.failures = now, step, 0
    factor.recovery_digests = [_digest(code) for code in codes]
    factor.save()
    audit.record(user, None, audit.Action.CREDENTIALS_CHANGED, "second factor set up", address=address)
    return codes


def is_locked(factor: SecondFactor, now: datetime) -> bool:
    """Tell whether too many wrong codes were typed lately."""
    return factor.failures >= MOST_FAILURES and factor.failed_at is not None and now < factor.failed_at + LOCKED_FOR


@transaction.atomic
def is_right(user: User, typed: str, now: datetime, *, address: str = "") -> bool:
    """Tell whether a code opens: one of the app, or a recovery code, each once. Wrong ones count, and lock."""
    factor = SecondFactor.objects.select_for_update().exclude(confirmed_at=None).get(user=user)
    if is_locked(factor, now):
        return False
    if factor.failures >= MOST_FAILURES:
        factor.failures = 0
    code = "".join(typed.split()).lower()
    step = totp.matching_step(sealing.unseal(factor.secret), code, now, after=factor.last_step)
    digest = next((one for one in factor.recovery_digests if hmac.compare_digest(one, _digest(code))), None)
    if step is not None:
        factor.last_step = step
    elif digest is not None:
        factor.recovery_digests = [one for one in factor.recovery_digests if one != digest]
        left = {"left": len(factor.recovery_digests)}
        audit.record(user, None, audit.Action.CREDENTIALS_CHANGED, "recovery code used", left, address=address)
    else:
        factor.failures += 1
        factor.failed_at = now
        factor.save()
        audit.record(user, None, audit.Action.SIGN_IN_FAILED, "wrong code", address=address)
        if factor.failures >= MOST_FAILURES:
            audit.record(user, None, audit.Action.LOCKED_OUT, "wrong codes", address=address)
        return False
    factor.failures = 0
    factor.save()
    return True


@transaction.atomic
def give_up(user: User, *, by: User, address: str = "") -> None:
    """Ask for the password alone again."""
    if SecondFactor.objects.filter(user=user).delete()[0]:
        subject = "second factor given up" if by == user else f"second factor of {user.get_username()} taken away"
        audit.record(by, None, audit.Action.CREDENTIALS_CHANGED, subject, address=address)


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "replace")).hexdigest()
