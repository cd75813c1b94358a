"""The heads of the crash list: what each column is called, and what a click on it sorts by."""

from dataclasses import dataclass

from profiles.crashes.state import ListState

_COLUMNS = (
    ("", "Crash", "", ""),
    ("", "Version", "cell-version", "The newest version that it was seen in"),
    ("occurrences", "Occurrences", "num", "How often it happened"),
    ("users", "Users", "num", "How many users it hit"),
    ("", "14 days", "cell-days", "Occurrences on each of the last 14 days"),
    ("first_seen", "First seen", "cell-first", "When it first happened"),
    ("last_seen", "Last seen", "cell-last", "When it last happened"),
)


@dataclass(frozen=True, slots=True)
class Head:
    """A column's head: what it links to, and how the list is sorted by it now."""

    name: str
    label: str
    classes: str
    hint: str
    url: str
    aria_sort: str
    next_order: str


def heads(state: ListState) -> list[Head]:
    """Return the heads; a click sorts by the largest first, another one turns it round."""
    return [_head(*column, state) for column in _COLUMNS]


def _head(name: str, label: str, classes: str, hint: str, state: ListState) -> Head:
    if not name:
        return Head("", label, classes, hint, "", "", "")
    is_current = state.sort_name == name
    sort = name if is_current and state.is_descending else f"-{name}"
    aria_sort = ("descending" if state.is_descending else "ascending") if is_current else ""
    order = "descending" if sort.startswith("-") else "ascending"
    return Head(name, label, classes, hint, "?" + state.first_page(sort=sort).query_string(), aria_sort, order)
