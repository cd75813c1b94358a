"""What the stand-in knows and was sent: accounts, verdicts on requests, acceptances. No network."""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs, unquote
from uuid import UUID

import jwt

from profiles.messages.standin.accounts import AppleAccount, FirebaseAccount
from profiles.messages.standin.behaviour import Behaviour, Trick, trick_of

LARGEST: Final = 4096
_HOUR: Final = 3600
_OFTEN_SECONDS: Final = 1200
_FCM_ERROR: Final = "type.googleapis.com/google.firebase.fcm.v1.FcmError"


@dataclass(frozen=True)
class Reply:
    """An answer: status, JSON, headers."""

    status: int
    said: Mapping[str, Any] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()
    is_slow: bool = False
    is_split: bool = False

    @property
    def body(self) -> bytes:
        """The JSON; nothing where there is nothing to say."""
        return json.dumps(dict(self.said)).encode() if self.said else b""


@dataclass(frozen=True)
class Accepted:
    """A message that would have been delivered."""

    provider: str
    environment: str
    token: str
    id: str
    collapse_id: str
    payload: Mapping[str, Any]


@dataclass
class Connection:
    """What is remembered of a connection: the provider token on it, and when it was made."""

    provider_token: str = ""
    issued: float = 0.0


class Book:
    """Everything that the stand-in's servers share."""

    def __init__(self) -> None:
        self.behaviour = Behaviour()
        self.apple: dict[str, AppleAccount] = {}
        self.firebase: dict[str, FirebaseAccount] = {}
        self.accepted: list[Accepted] = []
        self.refused: Counter[str] = Counter()
        self.requests = 0
        self.token_requests = 0
        self.gone_at_ms: int = 0
        self._seen_tricks: set[str] = set()
        self._access_tokens: dict[str, tuple[str, float]] = {}
        self._verified: dict[str, tuple[str, float]] = {}

    @property
    def times_accepted(self) -> Counter[str]:
        """How often each id was accepted."""
        return Counter(one.id for one in self.accepted)

    def counts(self) -> dict[str, int]:
        """Return the counts that a delivery report is compared with."""
        times = self.times_accepted
        return {
            "requests": self.requests,
            "accepted": len(times),
            "repeats": sum(times.values()) - len(times),
            **{f"refused {reason}": count for reason, count in self.refused.items()},
        }

    def _refuse(self, status: int, reason: str, **more: Any) -> Reply:
        self.refused[reason] += 1
        return Reply(status, {"reason": reason, **more})

    # --- Apple ----------------------------------------------------------------------------------

    def apple_post(
        self, environment: str, connection: Connection, path: str, headers: Mapping[str, str], body: bytes
    ) -> Reply:
        """Judge a post as APNs would."""
        self.requests += 1
        if self.behaviour.down:
            return self._refuse(503, "ServiceUnavailable")
        if self.behaviour.busy_every and self.requests % self.behaviour.busy_every == 0:
            self.refused["TooManyRequests"] += 1
            return Reply(429, {"reason": "TooManyRequests"}, (("retry-after", self.behaviour.retry_after),))
        refused = self._judge_authority(connection, headers) or self._judge_apple(path, headers, body)
        if refused is not None:
            return refused
        token = unquote(path.removeprefix("/3/device/"))
        refused = self._trick_apple(token)
        if refused is not None:
            return refused
        said = json.loads(body)
        self.accepted.append(
            Accepted("apns", environment, token, headers["apns-id"], headers["apns-collapse-id"], said)
        )
        return Reply(200, {}, (("apns-id", headers["apns-id"]),), is_slow=trick_of(token) is Trick.SLOW)

    def _judge_authority(self, connection: Connection, headers: Mapping[str, str]) -> Reply | None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme != "bearer" or not token:
            return self._refuse(403, "MissingProviderToken")
        if token not in self._verified:
            try:
                head = jwt.get_unverified_header(token)
                account = self.apple[head["kid"]]
                claims = jwt.decode(token, account.key.public, algorithms=["ES256"], options={"verify_iat": False})
            except (jwt.PyJWTError, KeyError):
                return self._refuse(403, "InvalidProviderToken")
            if claims.get("iss") != account.team_id or not isinstance(claims.get("iat"), int):
                return self._refuse(403, "InvalidProviderToken")
            self._verified[token] = (account.key_id, claims["iat"])
        key_id, issued = self._verified[token]
        if key_id in self.behaviour.revoked_keys:
            return self._refuse(403, "InvalidProviderToken")
        if token in self.behaviour.revoked_tokens or not -60 <= time.time() - issued <= _HOUR:
            return self._refuse(403, "ExpiredProviderToken")
        if connection.provider_token not in ("", token) and connection.provider_token not in (
            self.behaviour.revoked_tokens
        ):
            same_key = self._verified[connection.provider_token][0] == key_id
            if same_key and abs(issued - connection.issued) < _OFTEN_SECONDS:
                return self._refuse(429, "TooManyProviderTokenUpdates")
        connection.provider_token, connection.issued = token, issued
        topics = {self.apple[key_id].topic}
        topic = headers.get("apns-topic")
        if not topic:
            return self._refuse(400, "MissingTopic")
        return None if topic in topics else self._refuse(400, "TopicDisallowed")

    def _judge_apple(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
        if headers.get("apns-push-type") != "alert":
            return self._refuse(400, "InvalidPushType")
        if headers.get("apns-priority") not in {"10", "5", "1"}:
            return self._refuse(400, "BadPriority")
        if not headers.get("apns-expiration", "").isdigit():
            return self._refuse(400, "BadExpirationDate")
        if not 0 < len(headers.get("apns-collapse-id", "").encode()) <= 64:
            return self._refuse(400, "BadCollapseId")
        if len(body) > LARGEST:
            return self._refuse(413, "PayloadTooLarge")
        try:
            UUID(headers.get("apns-id", ""))
            said = json.loads(body)
            is_alert = isinstance(said["aps"]["alert"]["body"], str)
        except (ValueError, KeyError, TypeError):
            return self._refuse(400, "BadMessageId")
        if not is_alert:
            return self._refuse(400, "PayloadEmpty")
        token = unquote(path.removeprefix("/3/device/"))
        if not path.startswith("/3/device/") or len(token) != 64 or not set(token) <= set("0123456789abcdef"):
            return self._refuse(400, "BadDeviceToken")
        return None

    def _trick_apple(self, token: str) -> Reply | None:
        match trick_of(token):
            case Trick.GONE:
                return self._refuse(410, "Unregistered", timestamp=self.gone_at_ms or int(time.time() * 1000))
            case Trick.BAD:
                return self._refuse(400, "BadDeviceToken")
            case Trick.OTHER_TOPIC:
                return self._refuse(400, "DeviceTokenNotForTopic")
            case Trick.TOO_LARGE:
                return self._refuse(413, "PayloadTooLarge")
            case Trick.SPLIT_ERROR:
                self.refused["BadDeviceToken"] += 1
                return Reply(400, {"reason": "BadDeviceToken"}, is_split=True)
            case Trick.ALWAYS_BROKEN:
                return self._refuse(500, "InternalServerError")
            case trick:
                return self._once(trick, token)

    def _once(self, trick: Trick | None, token: str) -> Reply | None:
        once = {
            Trick.BUSY_ONCE: (429, "TooManyRequests"),
            Trick.BROKEN_ONCE: (500, "InternalServerError"),
            Trick.AWAY_ONCE: (503, "Shutdown"),
        }
        if trick not in once or token in self._seen_tricks:
            return None
        self._seen_tricks.add(token)
        status, reason = once[trick]
        self.refused[reason] += 1
        headers = (("retry-after", self.behaviour.retry_after),) if trick is Trick.BUSY_ONCE else ()
        return Reply(status, {"reason": reason}, headers)

    # --- Google ---------------------------------------------------------------------------------

    def access_token(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Give an access token for a good assertion."""
        self.token_requests += 1
        form = parse_qs(body.decode())
        assertion = form.get("assertion", [""])[0]
        grant = form.get("grant_type", [""])[0]
        if (
            headers.get("content-type") != "application/x-www-form-urlencoded"
            or grant != "urn:ietf:params:oauth:grant-type:jwt-bearer"
        ):
            return Reply(400, {"error": "unsupported_grant_type"})
        try:
            email = jwt.decode(assertion, options={"verify_signature": False})["iss"]
            account = next(one for one in self.firebase.values() if one.client_email == email)
            claims = jwt.decode(assertion, account.key.public, algorithms=["RS256"], audience=account.token_uri)
            good = (
                jwt.get_unverified_header(assertion)["kid"] == account.key_id and claims["exp"] - claims["iat"] <= _HOUR
            )
        except (jwt.PyJWTError, KeyError, StopIteration):
            good = False
        if not good or claims.get("scope") != "https://www.googleapis.com/auth/firebase.messaging":
            self.refused["invalid_grant"] += 1
            return Reply(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        token = f"ya29.{secrets.token_urlsafe(32)}"
        self._access_tokens[token] = (account.project_id, time.time() + _HOUR)
        return Reply(200, {"access_token": token, "expires_in": _HOUR - 1, "token_type": "Bearer"})

    def expire_access_tokens(self) -> None:
        """Forget every access token that was given."""
        self._access_tokens.clear()

    def google_post(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Judge a post as FCM would."""
        self.requests += 1
        if self.behaviour.down:
            return self._google_error(503, "UNAVAILABLE", "UNAVAILABLE")
        if self.behaviour.busy_every and self.requests % self.behaviour.busy_every == 0:
            return self._google_error(
                429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", (("retry-after", self.behaviour.retry_after),)
            )
        scheme, _, token = headers.get("authorization", "").partition(" ")
        project, until = self._access_tokens.get(token, ("", 0.0))
        if scheme != "Bearer" or until < time.time():
            return self._google_error(401, "UNAUTHENTICATED", "")
        if path != f"/v1/projects/{project}/messages:send":
            return self._google_error(403, "PERMISSION_DENIED", "")
        try:
            message = json.loads(body)["message"]
            token, data, android = message["token"], message["data"], message["android"]
        except (ValueError, KeyError, TypeError):
            return self._google_error(400, "INVALID_ARGUMENT", "")
        if not all(isinstance(text, str) for text in data.values()):
            return self._google_error(400, "INVALID_ARGUMENT", "")
        if sum(len(key.encode()) + len(value.encode()) for key, value in data.items()) > LARGEST:
            return self._google_error(400, "INVALID_ARGUMENT", "")
        refused = self._trick_google(token)
        if refused is not None:
            return refused
        collapse = android.get("collapse_key", "")
        self.accepted.append(Accepted("fcm", "production", token, f"{collapse}:{token}", collapse, data))
        name = f"projects/{project}/messages/{secrets.token_hex(8)}"
        return Reply(200, {"name": name}, is_slow=trick_of(token) is Trick.SLOW)

    def _trick_google(self, token: str) -> Reply | None:
        match trick_of(token):
            case Trick.GONE:
                return self._google_error(404, "NOT_FOUND", "UNREGISTERED")
            case Trick.BAD:
                return self._google_error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
            case Trick.OTHER_TOPIC:
                return self._google_error(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH")
            case Trick.TOO_LARGE:
                return self._google_error(400, "INVALID_ARGUMENT", "")
            case Trick.ALWAYS_BROKEN:
                return self._google_error(500, "INTERNAL", "INTERNAL")
            case Trick.SPLIT_ERROR:
                reply = self._google_error(404, "NOT_FOUND", "UNREGISTERED")
                return Reply(reply.status, reply.said, is_split=True)
        if token in self._seen_tricks:
            return None
        match trick_of(token):
            case Trick.BUSY_ONCE:
                self._seen_tricks.add(token)
                wait = (("retry-after", self.behaviour.retry_after),)
                return self._google_error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", wait)
            case Trick.BROKEN_ONCE:
                self._seen_tricks.add(token)
                return self._google_error(500, "INTERNAL", "INTERNAL")
            case Trick.AWAY_ONCE:
                self._seen_tricks.add(token)
                return self._google_error(503, "UNAVAILABLE", "UNAVAILABLE")
        return None

    def _google_error(self, status: int, name: str, code: str, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
        self.refused[code or name] += 1
        details: list[dict[str, Any]] = [{"@type": _FCM_ERROR, "errorCode": code}] if code else []
        if not code and status == 400:
            details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": []}]
        error = {"code": status, "message": f"{name} at {datetime.now(tz=UTC):%H:%M}", "status": name}
        return Reply(status, {"error": error | {"details": details}}, headers)
