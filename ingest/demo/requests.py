"""One HTTP request of the story, ready to be sent."""

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """What is special about a request."""

    ORDINARY = "ordinary"
    RETRY = "sent twice"
    LATE = "sent late"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRequest:
    """A request in wire form, and what it holds, for the summary."""

    stamped_at_ms: int
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    sessions: int = 0
    events: int = 0
    crashes: int = 0
    details: int = 0
    merges: int = 0
    mark: Mark = Mark.ORDINARY
