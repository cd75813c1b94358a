"""Senders to Apple and Google, over HTTP/2: a post in, an `Outcome` out. They know no database."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

from profiles.messages import outcomes
from profiles.messages.credentials import AppleKey, GoogleAccount
from profiles.messages.http2 import Answer, Http2Client, NotProcessedError, UnknownFateError, UnreachableError
from profiles.messages.outcomes import Outcome, Verdict
from profiles.messages.payloads import LARGEST, android_size, compact

UNREACHABLE: Final = "unreachable"
NO_ANSWER: Final = "no answer"
TOO_LARGE: Final = "PayloadTooLarge"
_DEVELOPMENT: Final = "development"
_RENEW_SECONDS: Final = 300  # an access token is renewed so long before it ends
_LEAST_TTL: Final = 60


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the providers are, and how they are trusted. Settings, so that tests take the real path."""

    apns_production: str
    apns_sandbox: str
    fcm: str
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """One message to one device. A repeated post has the same id and collapse id, so that it replaces itself."""

    token: str
    environment: str
    id: UUID
    collapse_id: str
    payload: dict[str, Any]
    expires_at: datetime


class Sender(Protocol):
    """A way to one provider for one app."""

    async def send(self, post: Post) -> Outcome:
        """Post once, and once more after a refreshed token. Never raises for what a network or a provider does."""

    async def close(self) -> None:
        """Close the connections."""


def _now() -> datetime:
    return datetime.now(tz=UTC)


class AppleSender:
    """APNs: production and sandbox, a provider token for both."""

    def __init__(
        self, key: AppleKey, addresses: Addresses, context: ssl.SSLContext, clock: Callable[[], datetime] = _now
    ) -> None:
        self._key, self._clock = key, clock
        self._production = Http2Client(addresses.apns_production, context)
        self._sandbox = Http2Client(addresses.apns_sandbox, context)
        self._token = ""
        self._token_until = 0.0

    async def send(self, post: Post) -> Outcome:
        """Post to the host of the token's environment."""
        body = compact(post.payload)
        if len(body) > LARGEST:
            return Outcome(Verdict.FAILED, TOO_LARGE)
        used = self._provider_token()
        outcome = await self._post(post, body, used)
        if outcome.verdict is not Verdict.REFRESH:
            return outcome
        if used == self._token:  # or another post has renewed it meanwhile
            self._renew(is_fresh=True)
        outcome = await self._post(post, body, self._token)
        return Outcome(Verdict.STOP, outcome.reason) if outcome.verdict is Verdict.REFRESH else outcome

    async def _post(self, post: Post, body: bytes, provider_token: str) -> Outcome:
        client = self._sandbox if post.environment == _DEVELOPMENT else self._production
        headers = [
            ("authorization", f"bearer {provider_token}"),
            ("apns-topic", self._key.topic),
            ("apns-push-type", "alert"),
            ("apns-priority", "10"),
            ("apns-expiration", str(int(post.expires_at.timestamp()))),
            ("apns-collapse-id", post.collapse_id),
            ("apns-id", str(post.id)),
        ]
        answer = await _answered(client, f"/3/device/{quote(post.token, safe='')}", headers, body)
        if isinstance(answer, Outcome):
            return answer
        return outcomes.apns(answer.status, answer.headers, answer.body, self._clock())

    def _provider_token(self) -> str:
        if self._clock().timestamp() >= self._token_until:
            self._renew()
        return self._token

    def _renew(self, *, is_fresh: bool = False) -> None:
        now = self._clock()
        self._token = self._key.provider_token(now, is_fresh=is_fresh)
        half_hour = 1800
        self._token_until = now.timestamp() + (half_hour if is_fresh else half_hour - now.timestamp() % half_hour)

    async def close(self) -> None:
        """Close both connections."""
        await self._production.close()
        await self._sandbox.close()


class GoogleSender:
    """FCM HTTP v1, with an access token for the service account's assertion."""

    def __init__(
        self,
        account: GoogleAccount,
        addresses: Addresses,
        context: ssl.SSLContext,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._account, self._clock = account, clock
        self._fcm = Http2Client(addresses.fcm, context)
        uri = urlsplit(account.token_uri)
        self._token_path = uri.path or "/"
        self._tokens = Http2Client(f"https://{uri.netloc}", context)
        self._token = ""
        self._token_until = 0.0
        self._renewing = asyncio.Lock()

    async def send(self, post: Post) -> Outcome:
        """Post a data message: strings only, which the SDK turns into a notification."""
        if android_size(post.payload) > LARGEST:
            return Outcome(Verdict.FAILED, TOO_LARGE)
        ttl = max(_LEAST_TTL, int((post.expires_at - self._clock()).total_seconds()))
        android = {"priority": "HIGH", "ttl": f"{ttl}s", "collapse_key": post.collapse_id}
        body = compact({"message": {"token": post.token, "data": post.payload, "android": android}})
        refused = None if self._is_fresh() else await self._renew(self._token)
        used = self._token
        outcome = refused or await self._post(body, used)
        if outcome.verdict is not Verdict.REFRESH:
            return outcome
        refused = await self._renew(used)
        outcome = refused or await self._post(body, self._token)
        return Outcome(Verdict.STOP, outcome.reason) if outcome.verdict is Verdict.REFRESH else outcome

    def _is_fresh(self) -> bool:
        return bool(self._token) and self._clock().timestamp() < self._token_until

    async def _post(self, body: bytes, access_token: str) -> Outcome:
        headers = [("authorization", f"Bearer {access_token}"), ("content-type", "application/json; charset=utf-8")]
        answer = await _answered(self._fcm, f"/v1/projects/{self._account.project_id}/messages:send", headers, body)
        if isinstance(answer, Outcome):
            return answer
        return outcomes.fcm(answer.status, answer.headers, answer.body, self._clock())

    async def _renew(self, stale: str) -> Outcome | None:
        """Get another access token than the stale one; say why where there is none."""
        async with self._renewing:
            if self._token != stale:
                return None  # somebody else has renewed it meanwhile
            now = self._clock()
            grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
            body = urlencode({"grant_type": grant, "assertion": self._account.assertion(now)}).encode()
            headers = [("content-type", "application/x-www-form-urlencoded")]
            answer = await _answered(self._tokens, self._token_path, headers, body)
            if isinstance(answer, Outcome):
                return answer
            return self._take_token(answer, now)

    def _take_token(self, answer: Answer, now: datetime) -> Outcome | None:
        try:
            said = json.loads(answer.body)
            said = said if isinstance(said, dict) else {}
        except ValueError:
            said = {}
        token = said.get("access_token")
        if answer.status == 200 and isinstance(token, str) and token:
            seconds = said.get("expires_in")
            lives = float(seconds) if isinstance(seconds, int | float) else 3600.0
            self._token, self._token_until = token, now.timestamp() + max(lives - _RENEW_SECONDS, 30.0)
            return None
        reason = str(said.get("error") or f"HTTP {answer.status}")[:60]
        if answer.status == 429 or answer.status >= 500 or answer.status == 200:
            wait = outcomes.retry_after(answer.headers, now)
            return Outcome(Verdict.RETRY, reason, wait, is_for_all=True)
        return Outcome(Verdict.STOP, reason)

    async def close(self) -> None:
        """Close both connections."""
        await self._fcm.close()
        await self._tokens.close()


async def _answered(client: Http2Client, path: str, headers: list[tuple[str, str]], body: bytes) -> Answer | Outcome:
    try:
        return await client.post(path, headers, body)
    except UnreachableError:
        return Outcome(Verdict.RETRY, UNREACHABLE, is_for_all=True)
    except (NotProcessedError, UnknownFateError):
        return Outcome(Verdict.RETRY, NO_ANSWER)
