"""What is kept of a request, whichever way it came in."""

from datetime import UTC, datetime

from ingest.app_keys import KnownApp
from ingest.inbox import Arrival
from ingest.wire.checksum import has_valid_checksum
from profiles.users import keys

_HEADER_CHARACTERS = 1024


def arrival(
    app: KnownApp, device_id: str, *, query: bytes, body: bytes, content_type: str, user_agent: str, ip: str
) -> Arrival:
    """Return what is kept of a request that came just now."""
    return Arrival(
        shard=keys.shard_of(keys.user_key(app.public_id, device_id)),
        app_id=app.id,
        received_at=datetime.now(tz=UTC),
        query=query,
        body=body,
        content_type=_stored_text(content_type),
        ip=ip,
        user_agent=_stored_text(user_agent),
    )


def is_signed_right(app: KnownApp, query: bytes, body: bytes, content_type: str) -> bool:
    """Tell whether a request is signed as the app wants it, if it wants it signed."""
    return not app.salts or any(has_valid_checksum(query, body, content_type, salt) for salt in app.salts)


def _stored_text(text: str) -> str:
    """Return a header as PostgreSQL takes it."""
    return text[:_HEADER_CHARACTERS].replace("\0", "")
