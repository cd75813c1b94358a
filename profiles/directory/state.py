"""What a list shows, as its query string says it: tab, search, filter, sort, columns, density, page. Pure.

A wrong value falls back to the default. Whether fields and columns exist is not looked at
(`profiles.directory.audience.read_state`).
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode
from uuid import UUID

from profiles.directory.filters import tree
from profiles.directory.filters.tree import EVERYBODY, FilterError, Group

LAST_PAGE = "end"
LONGEST_SEARCH = 200
LONGEST_ADDRESS = 4000
MOST_COLUMNS = 40
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


class Density(StrEnum):
    """How much room a row takes."""

    COMFORTABLE = "comfortable"
    COMPACT = "compact"


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
    """One view of the list.

    `columns` are names in their order, none for the default ones. A filter that cannot be read is kept as it was
    written (`unread_filter`), with what is wrong about it.
    """

    tab: Tab = Tab.ALL
    search: str = ""
    filter: Group = EVERYBODY
    unread_filter: str = ""
    filter_error: str = ""
    sort: str = DEFAULT_SORT
    columns: tuple[str, ...] = ()
    density: Density = Density.COMFORTABLE
    after: Cursor | None = None
    before: Cursor | None = None
    is_last_page: bool = False

    @classmethod
    def read(cls, parameters: Mapping[str, Any]) -> "ListState":
        """Read the parameters of an address."""
        tab = str(parameters.get("tab", ""))
        before = str(parameters.get("before", ""))
        density = str(parameters.get("density", ""))
        written = str(parameters.get("filter", ""))
        chosen, error = _read_filter(written)
        return cls(
            tab=Tab(tab) if tab in set(Tab) else Tab.ALL,
            search=tidy_search(str(parameters.get("q", ""))),
            filter=chosen,
            unread_filter=written.replace("\x00", "") if error else "",
            filter_error=error,
            sort=str(parameters.get("sort", "")) or DEFAULT_SORT,
            columns=read_columns(str(parameters.get("columns", ""))),
            density=Density(density) if density in set(Density) else Density.COMFORTABLE,
            after=Cursor.decode(str(parameters.get("after", ""))),
            before=None if before == LAST_PAGE else Cursor.decode(before),
            is_last_page=before == LAST_PAGE,
        )

    @property
    def is_narrowed(self) -> bool:
        """Whether a search or a filter leaves out users of the tab."""
        return bool(self.search or self.filter)

    @property
    def filter_text(self) -> str:
        """The filter as an address has it."""
        return self.unread_filter or tree.write(self.filter)

    @property
    def sort_name(self) -> str:
        """The column that is sorted by."""
        return self.sort.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        """Whether the largest comes first."""
        return self.sort.startswith("-")

    def changed(self, **changes: Any) -> "ListState":
        """Return the same page, changed as said."""
        return replace(self, **changes)

    def first_page(self, **changes: Any) -> "ListState":
        """Return the list from its start, changed as said."""
        return replace(self, after=None, before=None, is_last_page=False, **changes)

    def filtered(self, chosen: Group) -> "ListState":
        """Return the list from its start with another filter."""
        return self.first_page(filter=chosen, unread_filter="", filter_error="")

    def fields(self) -> list[tuple[str, str]]:
        """Return what differs from the default, less the page, in one order, so that one view has one address."""
        pairs: list[tuple[str, str]] = []
        if self.tab is not Tab.ALL:
            pairs.append(("tab", self.tab.value))
        if self.search:
            pairs.append(("q", self.search))
        if self.filter_text:
            pairs.append(("filter", self.filter_text))
        if self.sort != DEFAULT_SORT:
            pairs.append(("sort", self.sort))
        if self.columns:
            pairs.append(("columns", write_columns(self.columns)))
        if self.density is not Density.COMFORTABLE:
            pairs.append(("density", self.density.value))
        return pairs

    def query_string(self, **more: str | int) -> str:
        """Write the address of this page."""
        pairs: list[tuple[str, str | int]] = [*self.fields()]
        if self.after:
            pairs.append(("after", self.after.encode()))
        if self.before:
            pairs.append(("before", self.before.encode()))
        if self.is_last_page:
            pairs.append(("before", LAST_PAGE))
        return urlencode([*pairs, *more.items()], safe="(),:!")


def read_query_string(text: str) -> dict[str, str]:
    """Read a query string, as a profile carries it of the list that one came from."""
    return dict(parse_qsl(text[:LONGEST_ADDRESS]))


def tidy_search(text: str) -> str:
    """Return what was typed to search as it is searched for."""
    return " ".join(text.replace("\x00", "").split())[:LONGEST_SEARCH]


def read_columns(text: str) -> tuple[str, ...]:
    """Read the names of columns, each once."""
    names = (unquote(name).replace("\x00", "") for name in text.split(","))
    return tuple(dict.fromkeys(name for name in names if name))[:MOST_COLUMNS]


def write_columns(names: Iterable[str]) -> str:
    """Write the names of columns; a comma in one is escaped."""
    return ",".join(quote(name, safe="") for name in names)


def _read_filter(text: str) -> tuple[Group, str]:
    try:
        return tree.read(text), ""
    except FilterError as error:
        return EVERYBODY, str(error)
