"""Secrets at rest: sealed with a key made of a secret of the settings, which the database does not hold."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from functools import cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class UnsealedError(ValueError):
    """What was sealed with another secret, or is damaged."""


def seal(text: str) -> bytes:
    """Return a text as nobody can read it without the settings."""
    return _box(settings.PUSH_SECRET).encrypt(text.encode())


def unseal(sealed: bytes | memoryview) -> str:
    """Return a sealed text; raise UnsealedError."""
    try:
        return _box(settings.PUSH_SECRET).decrypt(bytes(sealed)).decode()
    except InvalidToken:
        raise UnsealedError("It was sealed with another PUSH_SECRET: enter it again") from None


@cache
def _box(secret: str) -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"countly-profiles push credentials")
    return Fernet(urlsafe_b64encode(key.derive(secret.encode())))
