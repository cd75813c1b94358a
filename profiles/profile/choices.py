"""What an address of the profile page asks for, read once and forgivingly: a broken part is as good as none."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import QueryDict

from profiles.access.models import App
from profiles.activity.boxes import ALL, OUTSIDE, cursor_text, read_cursor
from profiles.activity.buckets import Unit
from profiles.activity.querysets import Cursor
from profiles.users.boxes import zone_text
from profiles.users.models import AppUser

APP_CLOCK = "app"
USER_CLOCK = "user"

_LONGEST_SESSION_ID = 19  # digits of a bigint
_LONGEST_SEARCH = 200
_LONGEST_LIST = 2000


@dataclass(frozen=True)
class Choices:
    """The state of the page; all of it is in the address."""

    session: str = ""
    older_than: Cursor | None = None
    newer_than: Cursor | None = None
    events: Cursor | None = None
    requests: Cursor | None = None
    unit: Unit | None = None
    clock: str = APP_CLOCK
    search: str = ""
    is_all_properties: bool = False
    came_from: str = ""
    list_position: str = ""

    @property
    def parameters(self) -> dict[str, str]:
        """Return the parameters of this state's address; those at their default are empty."""
        return {
            "session": self.session,
            "older": cursor_text(self.older_than) if self.older_than else "",
            "newer": cursor_text(self.newer_than) if self.newer_than else "",
            "events": cursor_text(self.events) if self.events else "",
            "requests": cursor_text(self.requests) if self.requests else "",
            "unit": self.unit or "",
            "clock": "" if self.clock == APP_CLOCK else self.clock,
            "property": self.search,
            "properties": "all" if self.is_all_properties else "",
            "from": self.came_from,
            "at": self.list_position,
        }

    @property
    def beside_search(self) -> list[tuple[str, str]]:
        """Return what a search form must send along, so that it changes nothing else."""
        return [(name, value) for name, value in self.parameters.items() if value and name != "property"]

    @property
    def beside_page(self) -> str:
        """Return what another page about this user keeps of this one, led by ?: the clock, and the list's place."""
        return "?" + urlencode(self.kept_fields) if self.kept_fields else ""

    @property
    def kept_fields(self) -> list[tuple[str, str]]:
        """Return the same for a form."""
        return [(name, self.parameters[name]) for name in ("clock", "from", "at") if self.parameters[name]]

    def query(self, **changed: str) -> str:
        """Return the query string of this state with some parameters changed; an empty value takes one away."""
        parameters = self.parameters
        unknown = changed.keys() - parameters.keys()
        if unknown:
            raise KeyError(*unknown)
        return "?" + urlencode({name: value for name, value in (parameters | changed).items() if value})


def read_choices(query: QueryDict) -> Choices:
    """Read the query string."""
    unit = query.get("unit", "")
    position = query.get("at", "")
    return Choices(
        session=_session(query.get("session", "")),
        older_than=read_cursor(query.get("older", "")),
        newer_than=read_cursor(query.get("newer", "")),
        events=read_cursor(query.get("events", "")),
        requests=read_cursor(query.get("requests", "")),
        unit=Unit(unit) if unit in set(Unit) else None,
        clock=USER_CLOCK if query.get("clock") == USER_CLOCK else APP_CLOCK,
        search=query.get("property", "").replace("\x00", "").strip()[:_LONGEST_SEARCH],
        is_all_properties=query.get("properties") == "all",
        came_from=query.get("from", "").replace("\x00", "")[:_LONGEST_LIST],
        list_position=position if position.isascii() and position.isdecimal() and len(position) < 12 else "",
    )


def _session(text: str) -> str:
    if text in (ALL, OUTSIDE):
        return text
    is_id = text.isascii() and text.isdecimal() and len(text) <= _LONGEST_SESSION_ID and int(text) < 2**63
    return str(int(text)) if is_id else ""


@dataclass(frozen=True)
class ClockChoice:
    """One of the clocks that the page can be read by."""

    value: str
    label: str
    zone: str
    is_chosen: bool
    query: str


def zone_of(choices: Choices, app: App, user: AppUser) -> tzinfo:
    """Return the time zone to show times in: the user's own when it is chosen and known, else the app's."""
    if choices.clock == USER_CLOCK and user.timezone_offset_minutes is not None:
        offset = timedelta(minutes=user.timezone_offset_minutes)
        return timezone(offset, zone_text(user.timezone_offset_minutes))
    return ZoneInfo(app.timezone)


def clock_choices(choices: Choices, app: App, user: AppUser, now: datetime) -> list[ClockChoice]:
    """Return the clocks there are: the user's only where a device told its offset."""
    offset = now.astimezone(ZoneInfo(app.timezone)).utcoffset() or timedelta()
    clocks = [(APP_CLOCK, f"App {zone_text(round(offset.total_seconds() / 60))}", app.timezone)]
    if user.timezone_offset_minutes is not None:
        told = zone_text(user.timezone_offset_minutes)
        clocks.append((USER_CLOCK, f"User {told}", f"{told}, as the user's device told last"))
    chosen = choices.clock if len(clocks) > 1 else APP_CLOCK
    return [
        ClockChoice(value, label, zone, value == chosen, choices.query(clock="" if value == APP_CLOCK else value))
        for value, label, zone in clocks
    ]
