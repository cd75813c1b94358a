"""An app's credentials: stored, read for sending, checked against the provider."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias
from uuid import uuid4

from django.conf import settings
from django.utils import timezone

from profiles.access.models import App
from profiles.messages.credentials import AppleKey, CredentialError, GoogleAccount
from profiles.messages.http2 import trusting
from profiles.messages.models import PushCredential
from profiles.messages.outcomes import Outcome, Verdict
from profiles.messages.payloads import compact
from profiles.messages.providers import Addresses, AppleSender, GoogleSender, Post, Sender
from profiles.messages.reasons import in_words
from profiles.messages.sealing import UnsealedError, seal, unseal

Known: TypeAlias = AppleKey | GoogleAccount

Kind = PushCredential.Kind
_WRONG_TOKEN_START: Final = "bad0"  # noqa: S105 - hexadecimal, as Apple's are; no device has it


@dataclass(frozen=True, slots=True)
class Account:
    """A credential as senders use it, and when it was changed last."""

    known: Known
    changed_at: datetime
    paused_until: datetime | None


def addresses() -> Addresses:
    """Return where the providers are."""
    return Addresses(
        settings.PUSH_APNS_PRODUCTION, settings.PUSH_APNS_SANDBOX, settings.PUSH_FCM, settings.PUSH_CA_FILE
    )


def sender_of(known: Known) -> Sender:
    """Return a sender for the event loop that calls this."""
    places = addresses()
    context = trusting(places.ca_file)
    if isinstance(known, AppleKey):
        return AppleSender(known, places, context)
    return GoogleSender(known, places, context)


def check_shape(known: Known) -> None:
    """Raise CredentialError for what cannot work, whatever the provider would say."""
    if isinstance(known, AppleKey):
        known.check()
    else:
        known.check(frozenset(settings.PUSH_TOKEN_HOSTS))


def store(app: App, known: Known, fault: str, now: datetime) -> PushCredential:
    """Store an app's credential in the place of the one before; what it says is sealed."""
    if isinstance(known, AppleKey):
        kind = Kind.APNS
        shown = {"key id": known.key_id, "team": known.team_id, "topic": known.topic}
        secret = known.private_key
    else:
        kind = Kind.FCM
        shown = {"project": known.project_id, "account": known.client_email}
        secret = compact(
            {
                "type": "service_account",
                "project_id": known.project_id,
                "client_email": known.client_email,
                "private_key": known.private_key,
                "private_key_id": known.private_key_id,
                "token_uri": known.token_uri,
            }
        ).decode()
    values = {
        "sealed": seal(secret),
        "shown": shown,
        "changed_at": now,
        "checked_at": now,
        "fault": fault[:200],
        "paused_until": None,
    }
    stored, _ = PushCredential.objects.update_or_create(app=app, kind=kind, defaults=values)
    return stored


def read(credential: PushCredential) -> Known:
    """Return a stored credential; raise CredentialError where it cannot be read."""
    try:
        secret = unseal(credential.sealed)
    except UnsealedError as error:
        raise CredentialError(str(error)) from None
    if credential.kind == Kind.APNS:
        shown = credential.shown
        return AppleKey(shown["key id"], shown["team"], shown["topic"], secret)
    return GoogleAccount.read(secret)


def accounts_of(app_id: int) -> dict[str, Account]:
    """Return an app's credentials by provider, those that can be read. One query."""
    found = {}
    for credential in PushCredential.objects.filter(app_id=app_id):
        try:
            known = read(credential)
        except CredentialError:
            continue
        found[credential.kind] = Account(known, credential.changed_at, credential.paused_until)
    return found


def providers_of(app: App) -> set[str]:
    """Return the providers that the app has a credential for. One query."""
    return set(PushCredential.objects.filter(app=app).values_list("kind", flat=True))


def try_out(known: Known) -> Outcome:
    """Send to a token that no device has: who is known to the provider hears just that (`fault_of`)."""
    return asyncio.run(_try(known))


def check(credential: PushCredential) -> str:
    """Ask the provider about a stored credential, and store what it says; return it, nothing where all is well."""
    try:
        known = read(credential)
        fault = fault_of(known, try_out(known))
    except CredentialError as error:
        fault = str(error)
    credential.fault, credential.checked_at = fault[:200], timezone.now()
    credential.save(update_fields=["fault", "checked_at"])
    return fault


async def _try(known: Known) -> Outcome:
    is_apple = isinstance(known, AppleKey)
    token = _WRONG_TOKEN_START + secrets.token_hex(30)
    payload = {"aps": {"alert": {"body": "Check"}}} if is_apple else {"message": "Check"}
    now = datetime.now(tz=UTC)
    post = Post(token, "production", uuid4(), "check", payload, now + timedelta(minutes=5))
    sender = sender_of(known)
    try:
        return await sender.send(post)
    finally:
        await sender.close()


def fault_of(known: Known, outcome: Outcome) -> str:
    """Say what the answer to `try_out` has against a credential; nothing where it is right."""
    if outcome.verdict is Verdict.DROP_TOKEN:
        return ""
    who = "Apple" if isinstance(known, AppleKey) else "Google"
    if outcome.verdict is Verdict.SENT:
        return f"{who} accepted a message for a token that no device has"
    return f"{who}: {in_words(outcome.reason)} ({outcome.reason})"
