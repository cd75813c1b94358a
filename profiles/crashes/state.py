"""What the crash list shows, as its query string says it. Pure; a wrong value falls back to the default."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

LONGEST_SEARCH = 200
DEFAULT_SORT = "-last_seen"
LARGEST = 2**63 - 1


class Tab(StrEnum):
    """Which groups the list holds, by state."""

    OPEN = "open"
    REOCCURRED = "reoccurred"
    RESOLVED = "resolved"
    HIDDEN = "hidden"
    ALL = "all"

    @property
    def label(self) -> str:
        """The word on the tab."""
        return self.value.capitalize()

    @property
    def states(self) -> tuple[str, ...]:
        """The states that the tab holds. What reoccurred is open again; what is hidden has its own tab only."""
        if self is Tab.ALL:
            return ("open", "reoccurred", "resolved")
        return ("open", "reoccurred") if self is Tab.OPEN else (self.value,)


class Kind(StrEnum):
    """Whether the app died of it."""

    ANY = ""
    FATAL = "fatal"
    HANDLED = "handled"


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two groups of a sorted list: beside the group with this sort value and id."""

    value: int | datetime
    id: int

    def encode(self) -> str:
        """Write the cursor for a query string."""
        value = self.value.isoformat() if isinstance(self.value, datetime) else self.value
        return base64.urlsafe_b64encode(json.dumps([value, self.id]).encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor | None":
        """Read a cursor; None when somebody else wrote it."""
        try:
            content: Any = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            value, id_ = content
            if isinstance(value, str):
                value = datetime.fromisoformat(value)
                value = value if value.tzinfo else value.replace(tzinfo=UTC)
            elif isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST:
                return None
            if isinstance(id_, bool) or not isinstance(id_, int) or abs(id_) > LARGEST:
                return None
        except (ValueError, TypeError, RecursionError, binascii.Error):
            return None
        return cls(value, id_)


@dataclass(frozen=True, slots=True)
class ListState:
    """One view of the list."""

    tab: Tab = Tab.OPEN
    search: str = ""
    platform: str = ""
    kind: Kind = Kind.ANY
    version: str = ""
    sort: str = DEFAULT_SORT
    after: Cursor | None = None
    before: Cursor | None = None

    @classmethod
    def read(cls, parameters: Mapping[str, Any]) -> "ListState":
        """Read the parameters of an address."""
        tab, kind = str(parameters.get("state", "")), str(parameters.get("kind", ""))
        return cls(
            tab=Tab(tab) if tab in set(Tab) else Tab.OPEN,
            search=_clean(parameters.get("q", "")),
            platform=_clean(parameters.get("platform", "")),
            kind=Kind(kind) if kind in set(Kind) else Kind.ANY,
            version=_clean(parameters.get("version", "")),
            sort=str(parameters.get("sort", "")) or DEFAULT_SORT,
            after=Cursor.decode(str(parameters.get("after", ""))),
            before=Cursor.decode(str(parameters.get("before", ""))),
        )

    @property
    def sort_name(self) -> str:
        """The column that is sorted by."""
        return self.sort.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        """Whether the largest comes first."""
        return self.sort.startswith("-")

    @property
    def is_filtered(self) -> bool:
        """Whether more than the tab decides what is shown."""
        return bool(self.search or self.platform or self.kind or self.version)

    def first_page(self, **changes: Any) -> "ListState":
        """Return the list from its start, changed as said."""
        return replace(self, **{"after": None, "before": None} | changes)

    def query_string(self) -> str:
        """Write what differs from the default, in one order, so that one view has one address."""
        pairs = [
            ("state", "" if self.tab is Tab.OPEN else self.tab.value),
            ("q", self.search),
            ("platform", self.platform),
            ("kind", self.kind.value),
            ("version", self.version),
            ("sort", "" if self.sort == DEFAULT_SORT else self.sort),
            ("after", self.after.encode() if self.after else ""),
            ("before", self.before.encode() if self.before else ""),
        ]
        return urlencode([(name, value) for name, value in pairs if value])


def _clean(value: Any) -> str:
    return " ".join(str(value).replace("\x00", "").split())[:LONGEST_SEARCH]
