"""What a list shows, as its query string says it: tab, search, filter, sort, page.

A wrong value falls back to the default.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from profiles.directory.filters import tree
from profiles.directory.filters.fields import checked
from profiles.directory.filters.tree import EVERYBODY, FilterError, Group

LAST_PAGE = "end"
LONGEST_SEARCH = 200
LONGEST_ADDRESS = 4000
DEFAULT_SORT = "-last_seen"


class Tab(StrEnum):
    """Which users a list holds."""

    ALL = "all"
    IDENTIFIED = "identified"
    ANONYMOUS = "anonymous"

    @property
    def label(self) -> str:
        """The word on the tab."""
        return self.value.capitalize()

    @property
    def halves(self) -> tuple[bool, ...]:
        """The values of is_identified that the tab holds."""
        return {Tab.ALL: (True, False), Tab.IDENTIFIED: (True,), Tab.ANONYMOUS: (False,)}[self]


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two rows of a sorted list: beside the row with this sort value and user key.

    `position` is that row's number as it was read, for "51–100 of 3,102"; it decides nothing.
    """

    position: int
    value: str | int | float | None
    user_id: UUID

    def encode(self) -> str:
        """Write the cursor for a query string."""
        content = json.dumps([self.position, self.value, self.user_id.hex], separators=(",", ":"))
        return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor | None":
        """Read a cursor; None when somebody else wrote it."""
        try:
            content: Any = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            position, value, user_id = content
            if not isinstance(value, str | int | float | None) or isinstance(value, bool) or "\x00" in str(value):
                return None
            return cls(int(position), value, UUID(hex=user_id))
        except (ValueError, TypeError, AttributeError, binascii.Error):
            return None


@dataclass(frozen=True, slots=True)
class ListState:
    """One view of the list."""

    tab: Tab = Tab.ALL
    search: str = ""
    filter: Group = EVERYBODY
    filter_error: str = ""
    sort: str = DEFAULT_SORT
    after: Cursor | None = None
    before: Cursor | None = None
    is_last_page: bool = False

    @classmethod
    def read(cls, parameters: Mapping[str, Any]) -> "ListState":
        """Read the parameters of an address."""
        tab = str(parameters.get("tab", ""))
        before = str(parameters.get("before", ""))
        chosen, error = _read_filter(str(parameters.get("filter", "")))
        return cls(
            tab=Tab(tab) if tab in set(Tab) else Tab.ALL,
            search=" ".join(str(parameters.get("q", "")).replace("\x00", "").split())[:LONGEST_SEARCH],
            filter=chosen,
            filter_error=error,
            sort=str(parameters.get("sort", "")) or DEFAULT_SORT,
            after=Cursor.decode(str(parameters.get("after", ""))),
            before=None if before == LAST_PAGE else Cursor.decode(before),
            is_last_page=before == LAST_PAGE,
        )

    @classmethod
    def read_query_string(cls, text: str) -> "ListState":
        """Read a query string, as a profile carries it of the list that one came from."""
        return cls.read(dict(parse_qsl(text[:LONGEST_ADDRESS])))

    @property
    def is_narrowed(self) -> bool:
        """Whether a search or a filter leaves out users of the tab."""
        return bool(self.search or self.filter)

    @property
    def filter_text(self) -> str:
        """The filter as an address has it."""
        return tree.write(self.filter)

    @property
    def sort_name(self) -> str:
        """The column that is sorted by."""
        return self.sort.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        """Whether the largest comes first."""
        return self.sort.startswith("-")

    def first_page(self, **changes: Any) -> "ListState":
        """Return the list from its start, changed as said."""
        return replace(self, after=None, before=None, is_last_page=False, **changes)

    def query_string(self, **more: str | int) -> str:
        """Write what differs from the default, in one order, so that one view has one address."""
        pairs: list[tuple[str, str | int]] = []
        if self.tab is not Tab.ALL:
            pairs.append(("tab", self.tab.value))
        if self.search:
            pairs.append(("q", self.search))
        if self.filter:
            pairs.append(("filter", self.filter_text))
        if self.sort != DEFAULT_SORT:
            pairs.append(("sort", self.sort))
        if self.after:
            pairs.append(("after", self.after.encode()))
        if self.before:
            pairs.append(("before", self.before.encode()))
        if self.is_last_page:
            pairs.append(("before", LAST_PAGE))
        return urlencode([*pairs, *more.items()], safe="(),:!")


def _read_filter(text: str) -> tuple[Group, str]:
    try:
        return checked(tree.read(text)), ""
    except FilterError as error:
        return EVERYBODY, str(error)
