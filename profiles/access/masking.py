"""What a role sees of personal fields: shown, masked (B•••) or hidden. Decided at the door, kept at the row.

`get_app_or_404` begins the masks of whoever looks; the models that hold personal fields cover them when a row is read,
so that no page, list or file can forget to. A middleware ends them before the next request. Workers see everything.
Whoever reads single columns (`values_list`) asks `current()` itself.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from profiles.access.models import App, Membership

MASKED: Final = "masked"
HIDDEN: Final = "hidden"
LEVELS: Final = [("", "Shown"), (MASKED, "Masked"), (HIDDEN, "Hidden")]
ROLES: Final = (Membership.Role.VIEWER, Membership.Role.ANALYST)  # an admin sees everything: admins set the masks
DOTS: Final = "•••"
CUSTOM: Final = "custom"
_OF_CUSTOM: Final = "custom."

# Field of the settings: the columns that tell it.
FIELDS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "name": ("Name", ("name",)),
    "username": ("User name", ("username",)),
    "email": ("E-mail", ("email",)),
    "phone": ("Phone", ("phone",)),
    "organization": ("Organization", ("organization",)),
    "gender": ("Gender", ("gender",)),
    "birth_year": ("Birth year", ("birth_year",)),
    "picture": ("Picture", ("picture",)),
    "device_id": ("Device ids", ("device_id", "absorbed_device_id")),
    "place": ("City and coordinates", ("city", "region", "latitude", "longitude")),
    CUSTOM: ("All custom properties", (CUSTOM,)),
}
_FIELD_OF: Final = {column: field for field, (_, columns) in FIELDS.items() for column in columns}
_MADE_OF_OTHERS: Final = ("former_values", "survivor_before", "absorbed_before")  # quote several fields at once
_NEVER_NULL: Final = {"device_id", "absorbed_device_id"}


@dataclass(frozen=True, slots=True)
class Masks:
    """The levels of fields that are not shown, by field or custom.<name>."""

    levels: Mapping[str, str]

    def __bool__(self) -> bool:
        return bool(self.levels)

    def level(self, name: str) -> str:
        """Return how a column, a field or custom.<name> is seen: "", masked or hidden."""
        own = self.levels.get(_FIELD_OF.get(name, name), "")
        if name.startswith(_OF_CUSTOM):
            return own or self.levels.get(CUSTOM, "")
        return own

    def shows(self, name: str) -> bool:
        """Tell whether a column, a field or custom.<name> is seen as it is."""
        return not (self.level(name) or (self.levels and name in _MADE_OF_OTHERS))

    def only_hidden(self) -> "Masks":
        """Return these masks with what is only masked revealed."""
        return Masks({name: level for name, level in self.levels.items() if level == HIDDEN})

    def value(self, name: str, value: Any) -> Any:
        """Return a value as it is seen; None for one that is hidden."""
        if not self.levels or value is None:
            return value
        if name == CUSTOM and isinstance(value, Mapping):
            return self._custom(value)
        level = self.level(name)
        if not level:
            return value
        covered = _masked(name, value) if level == MASKED else None
        return DOTS if covered is None and name in _NEVER_NULL else covered

    def _custom(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: value if not level else DOTS
            for name, value in properties.items()
            if (level := self.level(_OF_CUSTOM + name)) != HIDDEN
        }

    def cover(self, columns: dict[str, Any]) -> None:
        """Cover what was read of a row, in place."""
        if not self.levels:
            return
        for name in columns.keys() & {*_FIELD_OF, CUSTOM}:
            columns[name] = self.value(name, columns[name])
        for name in columns.keys() & set(_MADE_OF_OTHERS):
            columns[name] = "" if isinstance(columns[name], str) else None


def _masked(name: str, value: Any) -> Any:
    """Return what is left of a value: the beginning of a text, nothing of what has none."""
    if name in {"picture", "latitude", "longitude", "birth_year"}:
        return None
    if not isinstance(value, str):
        return DOTS
    if name == "email":
        return f"{value[:1]}{DOTS}@{DOTS}"
    return value[:1] + DOTS


NOTHING: Final = Masks({})
_current: ContextVar[Masks] = ContextVar("masks", default=NOTHING)


def current() -> Masks:
    """Return the masks of whoever looks."""
    return _current.get()


def masks_of(app: App, role: str) -> Masks:
    """Return what somebody of a role sees of an app's users. No query."""
    return Masks(app.masks.get(role, {})) if role in ROLES else NOTHING


def begin(app: App) -> None:
    """Begin the masks of whoever was let in to an app with `viewer_role`, until the next request of this thread."""
    _current.set(masks_of(app, app.viewer_role))


def end() -> None:
    """End the masks of whoever looked last in this thread."""
    _current.set(NOTHING)


@contextmanager
def seeing(masks: Masks) -> Iterator[None]:
    """See with other masks for a while."""
    token = _current.set(masks)
    try:
        yield
    finally:
        _current.reset(token)


def middleware(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """End the masks of the request before: at the beginning of the next, because a streamed answer is still read."""

    def unmasked(request: HttpRequest) -> HttpResponseBase:
        end()
        return get_response(request)

    return unmasked
