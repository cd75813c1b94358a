"""Events of one request: keys, numbers and segmentation made clean, Countly's reserved keys told apart."""

from dataclasses import dataclass
from datetime import datetime

from ingest.wire.values import JsonValue

VIEW = "[CLY]_view"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One row of the user's history: a custom event, a visited view, or one of Countly's own kinds."""

    key: str
    at: datetime
    count: int = 1
    sum: float | None = None
    duration_seconds: float | None = None
    segmentation: dict[str, JsonValue]
    hour: int | None = None
    """Hour of the user's local day, 0 to 23."""
    weekday: int | None = None
    """Day of the user's local week, 0 = Sunday."""
    event_id: str = ""
    view_id: str = ""
    """Of a view: this visit's own id, which its `ViewLeft` repeats."""
    previous_view_id: str = ""
    current_view_id: str = ""
    previous_event_id: str = ""

    @property
    def is_view(self) -> bool:
        """Tell whether this is a visited view."""
        return self.key == VIEW

    @property
    def is_custom(self) -> bool:
        """Tell whether the app's own developer named this event."""
        return not self.key.startswith("[CLY]_")


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewLeft:
    """A view that was open is closed: its time is added to the visit with this id, else to the latest one of this name."""

    at: datetime
    view_id: str
    name: str
    seconds: int
