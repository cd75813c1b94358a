"""The boxes of the profile page, in their order, and how each is read and drawn by itself."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from django.db import OperationalError, connection, transaction
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from profiles.access.models import App
from profiles.activity import boxes as activity
from profiles.crashes import boxes as crashes
from profiles.engagement import boxes as engagement
from profiles.funnels import boxes as funnels
from profiles.profile import notes
from profiles.profile.choices import Choices
from profiles.profile.incidents import CrashIncidents
from profiles.users import boxes as users
from profiles.users.models import AppUser
from profiles.wording import Clock

logger = logging.getLogger(__name__)

# A box may take so long; the goal is a thousandth of it. All boxes of one page together may take PAGE_SECONDS: those
# that come too late say so and are asked for again alone.
BOX_SECONDS: Final = 3.0
PAGE_SECONDS: Final = 6.0
_LEAST_SECONDS: Final = 0.05
NOTES_AT_ONCE: Final = 3


@dataclass(frozen=True)
class Asked:
    """Everything that a box may need to know."""

    app: App
    user: AppUser
    clock: Clock
    choices: Choices
    page_url: str

    @property
    def now(self) -> datetime:
        """The moment that the page is made at."""
        return self.clock.now


@dataclass(frozen=True)
class Box:
    """One box: its address, heading, column, what it shows (None: nothing to draw a box for), and its template."""

    name: str
    heading: str
    column: Literal["left", "right"]
    load: Callable[[Asked], object]
    template: str


@dataclass(frozen=True)
class Drawn:
    """A box as it stands on the page: its HTML, which says so itself when it could not be loaded."""

    box: Box
    html: SafeString
    error: str = ""


def _details(asked: Asked) -> object:
    return users.details_box(asked.app, asked.user, asked.now)


def _properties(asked: Asked) -> object:
    choices = asked.choices
    return users.properties_box(
        asked.app, asked.user, asked.now, search=choices.search, is_all=choices.is_all_properties
    )


def _engagement(asked: Asked) -> object:
    return engagement.engagement_box(asked.app, asked.user, asked.now)


def _affected_crashes(asked: Asked) -> object:
    return crashes.affected_crashes_box(asked.app, asked.user, asked.now)


def _devices(asked: Asked) -> object:
    return users.devices_box(asked.app, asked.user, asked.now)


def _consents(asked: Asked) -> object:
    return users.consents_box(asked.app, asked.user, asked.now)


def _notes(asked: Asked) -> object:
    found = list(notes.notes_of(asked.user.id)[: NOTES_AT_ONCE + 1])
    return {"notes": found[:NOTES_AT_ONCE], "has_more": len(found) > NOTES_AT_ONCE}


def _timeline(asked: Asked) -> object:
    return activity.timeline_box(asked.app, asked.user, asked.now, asked.choices.unit)


def _session_history(asked: Asked) -> object:
    return activity.session_history_box(
        asked.user,
        asked.now,
        CrashIncidents(asked.app),
        chosen=asked.choices.session,
        older_than=asked.choices.older_than,
        newer_than=asked.choices.newer_than,
    )


def _event_timeline(asked: Asked) -> object:
    return activity.event_timeline_box(
        asked.user,
        asked.now,
        CrashIncidents(asked.app),
        chosen=asked.choices.session,
        cursor=asked.choices.events,
    )


def _funnels(asked: Asked) -> object:
    return funnels.funnels_box(asked.app, asked.user, asked.now)


BOXES: Final[list[Box]] = [
    Box("user-details", "User details", "left", _details, "users/_details.html"),
    Box("user-notes", "Notes", "left", _notes, "profile/_notes_box.html"),
    Box("engagement", "Engagement", "left", _engagement, "engagement/_engagement.html"),
    Box("custom-properties", "Custom properties", "left", _properties, "users/_properties.html"),
    Box("affected-crashes", "Affected crashes", "left", _affected_crashes, "crashes/_affected_crashes.html"),
    Box("devices", "Devices and tokens", "left", _devices, "users/_devices.html"),
    Box("consents", "Consents", "left", _consents, "users/_consents.html"),
    Box("timeline", "Timeline", "right", _timeline, "activity/_timeline.html"),
    Box("session-history", "Session history", "right", _session_history, "activity/_session_history.html"),
    Box("event-timeline", "Event timeline", "right", _event_timeline, "activity/_event_timeline.html"),
    Box("funnels", "Funnels", "right", _funnels, "funnels/_funnels.html"),
]
BOX_BY_NAME: Final = {box.name: box for box in BOXES}


def register(box: Box) -> None:
    """Add a box of a subject above this one, below those of its column. Once per name."""
    if box.name in BOX_BY_NAME:
        raise ValueError(f"There is a box “{box.name}” already")
    BOXES.append(box)
    BOX_BY_NAME[box.name] = box


def draw(box: Box, asked: Asked, seconds: float = BOX_SECONDS) -> Drawn:
    """Read and draw one box; whatever goes wrong in it stays in it.

    Its queries run in a transaction of their own with a time limit, so that neither a slow statement nor a broken one
    reaches the next box.
    """
    if seconds < _LEAST_SECONDS:
        return _failed(box, asked, "The page was slow, so this part was left for later.")
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(int(seconds * 1000))])
            data = box.load(asked)
        # Without the request: what stands around a page is no business of a box, and costs queries.
        html = render_to_string(box.template, _context(box, asked) | {"box": data})
    except OperationalError:
        logger.warning("box took too long or lost the database", extra={"box": box.name}, exc_info=True)
        return _failed(box, asked, "This part took too long.")
    except Exception:
        logger.exception("box failed", extra={"box": box.name})
        return _failed(box, asked, "This part could not be loaded.")
    return Drawn(box, html)


def _context(box: Box, asked: Asked) -> dict[str, object]:
    return {
        "about": box,
        "app": asked.app,
        "app_user": asked.user,
        "clock": asked.clock,
        "choices": asked.choices,
        "page_url": asked.page_url,
    }


def _failed(box: Box, asked: Asked, error: str) -> Drawn:
    return Drawn(box, render_to_string("users/_box.html", _context(box, asked) | {"error": error}), error)


def draw_all(asked: Asked) -> dict[str, list[Drawn]]:
    """Draw every box, by column. When the page's time is used up, the boxes that are left say so."""
    columns: dict[str, list[Drawn]] = {"left": [], "right": []}
    until = time.monotonic() + PAGE_SECONDS
    for box in BOXES:
        seconds = min(BOX_SECONDS, until - time.monotonic())
        columns[box.column].append(draw(box, asked, seconds))
    return columns
