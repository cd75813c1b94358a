"""Finds what requests name: app users by uid or device id, by a query; funnels and crash groups by their ids."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from profiles.access import masking
from profiles.access.models import App
from profiles.api.answers import ApiError, unreadable
from profiles.api.conditions import read_query
from profiles.api.endpoint import Call
from profiles.api.periods import Period, PeriodError, read_period
from profiles.directory.audience import Audience
from profiles.directory.filters.tree import EVERYBODY, FilterError, Group
from profiles.directory.state import Tab, tidy_search
from profiles.users.identities import load_identities
from profiles.users.keys import user_key
from profiles.users.models import AppUser
from profiles.users.querysets import find_user, survivor_of

TABS = {"user-known": Tab.IDENTIFIED, "user-anonymous": Tab.ANONYMOUS}


def named_user(call: Call) -> AppUser | None:
    """Return the user whom `uid` or `did` names, also by the name of one who was merged; None where nobody is."""
    uid, device_id = call.parameters.text("uid"), call.parameters.text("did")
    if uid:
        return find_user(call.app, uid) or survivor_of(call.app, uid)
    if device_id and not masking.current().shows("device_id"):
        raise unreadable("did", "device ids are masked for your role; ask by uid")
    return user_of_device(call.app, device_id, call.now) if device_id else None


def user_of_device(app: App, device_id: str, now: datetime) -> AppUser | None:
    """Return the user to whom belongs what a device sends now, else to whom belonged what it sent before."""
    key = user_key(app.public_id, device_id)
    identities = load_identities([key])
    users = AppUser.objects.filter(app=app).select_related("activity")
    by_id = {user.id: user for user in users.filter(id__in={key, *identities.users()})}
    user = by_id.get(identities.owner(key, now)) or next(iter(by_id.values()), None)
    return user or users.filter(device_id=device_id).first()


def asks_for_one(call: Call) -> bool:
    """Tell whether a request names a single user."""
    return bool(call.parameters.text("uid") or call.parameters.text("did"))


def read_audience(call: Call) -> Audience:
    """Return the users of a list: of `filter`, `sSearch` and `query`."""
    parameters = call.parameters
    return Audience(
        tab=TABS.get(parameters.text("filter") if isinstance(parameters.values.get("filter"), str) else "", Tab.ALL),
        search=tidy_search(parameters.text("sSearch")),
        filter=asked_filter(call, parameters.object("query")),
    )


def asked_filter(call: Call, query: dict[str, Any] | None) -> Group:
    """Return the filter that a query means; an error names what cannot be asked."""
    try:
        return read_query(query) if query else EVERYBODY
    except FilterError as error:
        raise unreadable("query", str(error)) from None


def asked_period(call: Call) -> Period | None:
    """Return the period that is asked for; None is all time."""
    value = call.parameters.values.get("period")
    text = call.parameters.text("period") if not isinstance(value, list | dict) else str(value).replace("'", '"')
    try:
        return read_period(text, call.now, ZoneInfo(call.app.timezone))
    except PeriodError as error:
        raise unreadable("period", str(error)) from None


def must_name(call: Call, name: str) -> str:
    """Return a parameter that must be there."""
    text = call.parameters.text(name)
    if not text:
        raise ApiError(f"Missing request parameter: {name}")
    return text
