"""What stands around every page: the app, its neighbours, the navigation, how fresh the data is, the theme.

It knows all subjects and the inbox, which no subject does; so it lives here, and gives templates one value, `frame`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django_htmx.middleware import HtmxDetails

from ingest import inbox
from profiles import wording
from profiles.access.models import App
from profiles.access.permissions import visible_apps
from profiles.access.querysets import user_totals
from profiles.crashes.querysets import open_crashes
from profiles.users.models import UserActivity

THEME_COOKIE = "theme"
THEMES = {"light", "dark"}
SWITCHER_APPS = 200
LATE_AFTER = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Freshness:
    """How new the newest data of an app is, and how much waits in the inbox of all."""

    url: str
    newest_at: datetime | None
    newest_age: str
    waiting: int
    queue: str
    queue_age: str
    is_late: bool


@dataclass(frozen=True, slots=True)
class NavigationItem:
    """A link of the side navigation."""

    label: str
    icon: str
    url: str
    count: int | None
    is_current: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """The value that base.html reads."""

    theme: str
    app: App | None = None
    apps: tuple[App, ...] = ()
    navigation: tuple[NavigationItem, ...] = ()
    freshness: Freshness | None = None


def freshness_of(app: App, now: datetime) -> Freshness:
    """Read how fresh an app's data is: two probes of the last-seen index, and the inbox."""
    newest_at = max(
        (
            at
            for is_identified in (True, False)
            if (
                at := UserActivity.objects.filter(app=app, is_identified=is_identified).aggregate(
                    at=Max("last_seen_at")
                )["at"]
            )
        ),
        default=None,
    )
    waiting, seconds = inbox.backlog()
    behind = timedelta(seconds=seconds)
    return Freshness(
        url=reverse("freshness", args=[app.public_id]),
        newest_at=newest_at,
        newest_age=wording.age(now - newest_at) if newest_at else "",
        waiting=waiting,
        queue=wording.grouped(waiting),
        queue_age=wording.age(behind),
        is_late=behind > LATE_AFTER,
    )


def freshness(request: HttpRequest, app: App) -> HttpResponse:
    """Answer with the freshness line alone; it asks for itself again."""
    return render(request, "_fragments/freshness.html", {"freshness": freshness_of(app, datetime.now(tz=UTC))})


def _navigation(app: App, namespace: str) -> tuple[NavigationItem, ...]:
    """List the subjects that have pages: one whose address is not placed is not shown."""
    crashes = open_crashes(app)
    users = user_totals(app).everybody
    items: list[NavigationItem] = []
    for label, icon, address, namespaces, count in (
        ("Users", "users", "directory:home", {"directory", "profile"}, users),
        ("Crashes", "bug", "crashes:list", {"crashes"}, crashes),
        ("Funnels", "funnel", "funnels:list", {"funnels"}, None),
        ("Messages", "send", "messages:list", {"messages"}, None),
    ):
        try:
            url = reverse(address, args=[app.public_id])
        except NoReverseMatch:
            continue
        items.append(NavigationItem(label, icon, url, count, namespace in namespaces))
    return tuple(items)


def frame(request: HttpRequest) -> dict[str, Frame]:
    """Context processor: give whole pages their frame, and fragments nothing. Seven queries on a page of an app."""
    htmx = HtmxDetails(request)
    if htmx and not htmx.boosted and not htmx.history_restore_request:
        return {}
    theme = request.COOKIES.get(THEME_COOKIE, "")
    theme = theme if theme in THEMES else ""
    user = getattr(request, "user", None)
    match = request.resolver_match
    if user is None or not user.is_authenticated or match is None or "public_id" not in match.kwargs:
        return {"frame": Frame(theme)}
    apps = tuple(visible_apps(user)[:SWITCHER_APPS])
    app = next((app for app in apps if app.public_id == match.kwargs["public_id"]), None)
    if app is None:
        app = visible_apps(user).filter(public_id=match.kwargs["public_id"]).first()
    if app is None:
        return {"frame": Frame(theme)}
    return {
        "frame": Frame(
            theme=theme,
            app=app,
            apps=apps,
            navigation=_navigation(app, match.namespace),
            freshness=freshness_of(app, datetime.now(tz=UTC)),
        )
    }
