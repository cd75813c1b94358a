"""How the stand-in misbehaves: as a whole, and for tokens that begin with certain letters."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Fault(Enum):
    """What happens to one request."""

    NONE = "none"
    REFUSED = "refused"
    """The stream is reset before anything was looked at."""
    RESET = "reset"
    """The stream is reset although the message was accepted."""


class Trick(Enum):
    """What a token's first letters ask for; APNs tokens are hexadecimal, so the letters are."""

    GONE = "dead"
    BAD = "bad0"
    OTHER_TOPIC = "b0b0"
    TOO_LARGE = "0413"
    BUSY_ONCE = "0429"
    BROKEN_ONCE = "0500"
    AWAY_ONCE = "0503"
    ALWAYS_BROKEN = "0555"
    SLOW = "5100"
    SPLIT_ERROR = "5b11"


@dataclass
class Behaviour:
    """What is wrong with the whole server. Counts are per connection; 0 is never."""

    goaway_after: int = 0
    refuse_every: int = 0
    reset_every: int = 0
    empty_frames: bool = False
    split_answers: bool = False
    busy_every: int = 0
    """Every so manieth request is answered 429 with a Retry-After."""
    retry_after: str = "1"
    slow_seconds: float = 0.5
    answer_seconds: float = 0.0
    """How long every answer takes; what Apple's do is some tens of milliseconds."""
    most_streams: int = 1000
    down: bool = False
    """Every request is answered 503."""
    revoked_keys: set[str] = field(default_factory=set)
    revoked_tokens: set[str] = field(default_factory=set)


def trick_of(token: str) -> Trick | None:
    """Return what a token asks for."""
    return next((trick for trick in Trick if token.startswith(trick.value)), None)
