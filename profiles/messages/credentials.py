"""What providers know an app by: a signing key, a service account; and the tokens made of them. No framework."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

# Apple refuses a token that is older than an hour, and one that changes more often than every 20 minutes. All
# processes count from the same half hours, so that they agree without asking each other.
PROVIDER_TOKEN_SECONDS: Final = 1800
ASSERTION_SECONDS: Final = 3600
FCM_SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
_TEN: Final = re.compile(r"[A-Z0-9]{10}")
_TOPIC: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{1,254}")
_PROJECT: Final = re.compile(r"[a-z][a-z0-9-]{2,62}(:[a-z0-9-]+)?")


class CredentialError(ValueError):
    """A credential that cannot work; the message is for the person who entered it."""


@dataclass(frozen=True, slots=True)
class AppleKey:
    """A signing key of an Apple team (.p8), and the app's bundle id."""

    key_id: str
    team_id: str
    topic: str
    private_key: str

    def check(self) -> None:
        """Raise CredentialError."""
        if not _TEN.fullmatch(self.key_id):
            raise CredentialError("A key id is ten capital letters and digits")
        if not _TEN.fullmatch(self.team_id):
            raise CredentialError("A team id is ten capital letters and digits")
        if not _TOPIC.fullmatch(self.topic):
            raise CredentialError("The topic is the app's bundle id, such as com.example.app")
        key = _load(self.private_key)
        if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
            raise CredentialError("Apple's keys (.p8) are of the curve P-256; this one is not")

    def provider_token(self, now: datetime, *, is_fresh: bool = False) -> str:
        """Return the token that stands for the team; a fresh one after Apple called the present one expired."""
        seconds = int(now.timestamp())
        issued = seconds if is_fresh else seconds - seconds % PROVIDER_TOKEN_SECONDS
        return jwt.encode(
            {"iss": self.team_id, "iat": issued}, self.private_key, algorithm="ES256", headers={"kid": self.key_id}
        )


@dataclass(frozen=True, slots=True)
class GoogleAccount:
    """A service account of a Firebase project, as its JSON file says it."""

    project_id: str
    client_email: str
    private_key: str
    private_key_id: str
    token_uri: str

    @classmethod
    def read(cls, text: str) -> GoogleAccount:
        """Read the JSON file; raise CredentialError."""
        try:
            said = json.loads(text)
        except ValueError:
            raise CredentialError("This is not the JSON file of a service account") from None
        if not isinstance(said, dict) or said.get("type") != "service_account":
            raise CredentialError("This is not the JSON file of a service account")
        names = ("project_id", "client_email", "private_key", "private_key_id", "token_uri")
        missing = [name for name in names if not isinstance(said.get(name), str) or not said[name]]
        if missing:
            raise CredentialError(f"The service account lacks {', '.join(missing)}")
        return cls(**{name: said[name] for name in names})

    def check(self, token_hosts: frozenset[str]) -> None:
        """Raise CredentialError. `token_hosts` are those that assertions may be sent to."""
        if not _PROJECT.fullmatch(self.project_id):
            raise CredentialError("The project id is not one")
        uri = urlsplit(self.token_uri)
        if uri.scheme != "https" or uri.netloc not in token_hosts:
            raise CredentialError(f"Tokens are asked for at Google's own address, not at {uri.netloc[:80]}")
        if not isinstance(_load(self.private_key), RSAPrivateKey):
            raise CredentialError("A service account's key is an RSA key; this one is not")

    def assertion(self, now: datetime) -> str:
        """Return the signed wish for an access token."""
        issued = int(now.timestamp())
        claims = {
            "iss": self.client_email,
            "scope": FCM_SCOPE,
            "aud": self.token_uri,
            "iat": issued,
            "exp": issued + ASSERTION_SECONDS,
        }
        return jwt.encode(claims, self.private_key, algorithm="RS256", headers={"kid": self.private_key_id})


def _load(private_key: str) -> object:
    try:
        return load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise CredentialError("The private key cannot be read: it begins with -----BEGIN PRIVATE KEY-----") from None
