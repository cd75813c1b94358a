"""Secrets at rest: sealed with a key that only the environment or a file has, so that a stolen database opens nothing.

Changing SECRET_KEY makes what was sealed unreadable, unless the old one stands in SECRET_KEY_FALLBACKS.
"""

import base64
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.encoding import force_bytes


class UnsealError(ValueError):
    """What was sealed with a key that is not here any more."""


def seal(secret: str) -> str:
    """Return a secret as it may be stored."""
    return _box().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """Return what was sealed. Raises UnsealError."""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise UnsealError from None


def _box() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = [sha256(b"sealing:" + force_bytes(key)).digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
