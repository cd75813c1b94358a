"""Our rows as Countly's documents, by its short names. Times are seconds since 1970 unless a name says milliseconds."""

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha1
from typing import Any, Final

from django.contrib.auth.models import User

from profiles.access import masking
from profiles.access.models import App
from profiles.access.permissions import Role
from profiles.activity.segmentation import Operator, read_condition
from profiles.crashes.models import Crash, CrashComment, CrashGroup
from profiles.engagement.columns import share
from profiles.funnels.models import Funnel, FunnelStep
from profiles.funnels.querysets import rule_of
from profiles.funnels.words import conditions_text
from profiles.users.models import AppUser

MEMBER_FORMAT: Final = "{:024x}"  # a person's number as 24 hexadecimal characters, Countly's form of an id


def seconds(at: datetime | None) -> int | None:
    """Return a moment in seconds since 1970."""
    return None if at is None else int(at.timestamp())


def milliseconds(at: datetime | None) -> int | None:
    """Return a moment in milliseconds since 1970."""
    return None if at is None else int(at.timestamp() * 1000)


# --- App users ----------------------------------------------------------------------------------

ROW_FIELDS: Final = (
    *("_id", "uid", "did", "name", "email", "picture", "cc", "p", "sc", "tsd", "ls", "fs"),
    *("engagement_score", "hasInfo", "note"),
)


def document_id(app: App, device_id: str) -> str:
    """Return the `_id` of an app user: Countly's SHA-1 of app key and device id."""
    text = f"{app.key}{device_id}".encode("utf-8", "surrogatepass")
    return sha1(text, usedforsecurity=False).hexdigest()


def user_document(app: App, user: AppUser, now: datetime) -> dict[str, Any]:
    """Return a whole profile. `user` has its activity and engagement read along; unknown values are left out."""
    activity = user.activity
    engaged = share(user)
    document: dict[str, Any] = {
        # Made of the device id: whoever must not see that gets no trace of it.
        "_id": document_id(app, user.device_id) if masking.current().shows("device_id") else None,
        "uid": user.uid,
        "did": user.device_id,
        "name": user.name or user.device_id,
        "username": user.username,
        "email": user.email,
        "phone": user.phone,
        "organization": user.organization,
        "gender": user.gender,
        "byear": user.birth_year,
        "age": None if user.birth_year is None else now.year - user.birth_year,
        "picture": user.picture or "",
        "hasInfo": user.is_identified,
        "note": "",
        "first_sync": seconds(user.created_at),
        "fs": seconds(activity.first_seen_at),
        "fac": seconds(activity.first_seen_at),
        "ls": seconds(activity.last_seen_at),
        "lac": seconds(activity.last_seen_at),
        "sc": activity.sessions_count,
        "tsd": activity.total_seconds,
        "sd": activity.session_seconds,
        "e": activity.events_count,
        "crashes": activity.crashes_count,
        "engagement_score": None if engaged is None else round(engaged * 100, 2),
        "p": user.platform,
        "pv": user.platform_version,
        "av": user.app_version,
        "d": user.device,
        "device_name": user.device_name,
        "dt": user.device_type,
        "mnf": user.manufacturer,
        "c": user.carrier,
        "r": user.resolution,
        "dnst": user.density,
        "ornt": user.orientation,
        "lo": user.locale,
        "la": user.language,
        "brw": user.browser,
        "brwv": user.browser_version,
        "src": user.source,
        "src_ch": user.source_channel,
        "cc": user.country,
        "rgn": user.region,
        "cty": user.city,
        "loc": _location(user),
        "tz": user.timezone_offset_minutes,
        "sdk": {"name": user.sdk_name, "version": user.sdk_version} if user.sdk_name else None,
        "custom": user.custom,
        "consent": user.consent,
        "cmp": {"c": user.campaign["id"]} if user.campaign.get("id") else None,
    }
    return {name: value for name, value in document.items() if value is not None}


def row_document(document: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    """Return some fields of a profile; what is unknown is left out, an e-mail and a picture are empty."""
    row = {name: document[name] for name in fields if name in document}
    return {"email": "", **row} if "email" in fields else row


def _location(user: AppUser) -> dict[str, Any] | None:
    if user.latitude is None or user.longitude is None:
        return None
    point = {"type": "Point", "coordinates": [user.longitude, user.latitude]}
    return {"geo": point, "date": milliseconds(user.place_at)}


# --- Apps and people ----------------------------------------------------------------------------


def app_document(app: App) -> dict[str, Any]:
    """Return an app; its checksum salt only for those who administer it."""
    document: dict[str, Any] = {
        "_id": app.public_id,
        "name": app.name,
        "key": app.key,
        "timezone": app.timezone,
        "country": "",
        "category": "",
        "type": "mobile",
        "created_at": seconds(app.created_at),
        "locked": app.is_locked,
        "paused": app.is_paused,
        "has_image": bool(app.icon),
    }
    if app.viewer_role == Role.ADMIN:
        document["salt"] = app.salt
    return document


def member_document(user: User, admin_of: list[str], user_of: list[str]) -> dict[str, Any]:
    """Return the caller: never a password, never a key, which nobody can read again."""
    return {
        "_id": MEMBER_FORMAT.format(user.pk),
        "full_name": user.get_full_name() or user.get_username(),
        "username": user.get_username(),
        "email": user.email,
        "global_admin": user.is_superuser,
        "locked": not user.is_active,
        "created_at": seconds(user.date_joined),
        "last_login": seconds(user.last_login) or 0,
        "permission": {"c": {}, "r": {}, "u": {}, "d": {}, "_": {"a": admin_of, "u": [user_of]}},
    }


# --- Funnels ------------------------------------------------------------------------------------

SAME_SESSION, SESSION_INDEPENDENT = "same-session", "session-independent"
_MONGO: Final = {
    Operator.IS: "$eq",
    Operator.IS_NOT: "$ne",
    Operator.CONTAINS: "$regex",
    Operator.GREATER: "$gt",
    Operator.LESS: "$lt",
    Operator.AT_LEAST: "$gte",
    Operator.AT_MOST: "$lte",
    Operator.IS_SET: "$exists",
}
SEGMENT_OPERATORS: Final = {name: operator for operator, name in _MONGO.items()}
SEGMENT: Final = "sg."


def funnel_document(funnel: Funnel) -> dict[str, Any]:
    """Return a funnel's definition; queries are texts of JSON."""
    steps = list(funnel.steps.all())
    return {
        "_id": funnel.public_id,
        "app_id": funnel.app.public_id,
        "name": funnel.name,
        "description": funnel.description,
        "type": SAME_SESSION if funnel.is_same_session else SESSION_INDEPENDENT,
        "steps": [step.event_key for step in steps],
        "queries": [json.dumps(_query(step), separators=(",", ":")) for step in steps],
        "queryTexts": [conditions_text(step) for step in rule_of(funnel).steps],
        "stepGroups": [{"c": "and"} for _ in steps],
        "created": milliseconds(funnel.created_at),
        "order": funnel.position,
    }


def step_query(step: FunnelStep) -> dict[str, Any]:
    """Return what a step asks of an event, as a query."""
    return _query(step)


def _query(step: FunnelStep) -> dict[str, Any]:
    query: dict[str, Any] = {}
    for stored in step.filters:
        condition = read_condition(stored)
        value = True if condition.operator == Operator.IS_SET else condition.value
        query.setdefault(f"{SEGMENT}{condition.name}", {})[_MONGO[condition.operator]] = value
    return query


# --- Crashes ------------------------------------------------------------------------------------


def group_document(group: CrashGroup) -> dict[str, Any]:
    """Return a crash group as a row of the list."""
    state = CrashGroup.State(group.state)
    return {
        "_id": group.public_id,
        "name": group.title,
        "culprit": group.culprit,
        "os": group.platform,
        "nonfatal": not group.is_fatal,
        "reports": group.occurrences_count,
        "users": group.users_count,
        "latest_version": group.latest_version,
        "resolved_version": group.resolved_version or None,
        "is_resolved": state is CrashGroup.State.RESOLVED,
        "is_renewed": state is CrashGroup.State.REOCCURRED,
        "is_hidden": state is CrashGroup.State.HIDDEN,
        "startTs": seconds(group.first_seen_at),
        "lastTs": seconds(group.last_seen_at),
    }


def comment_document(comment: CrashComment) -> dict[str, Any]:
    """Return what somebody said of a crash group; times in milliseconds."""
    document: dict[str, Any] = {
        "_id": str(comment.pk),
        "author": comment.author_name,
        "author_id": "" if comment.author_id is None else MEMBER_FORMAT.format(comment.author_id),
        "time": milliseconds(comment.created_at),
        "text": comment.text,
    }
    if comment.edited_at is not None:
        document["edit_time"] = milliseconds(comment.edited_at)
    return document


def report_document(crash: Crash, group: CrashGroup, uid: str | None) -> dict[str, Any]:
    """Return one occurrence of a crash: what the SDK reported of it, its long texts along."""
    return {
        "_id": str(crash.id),
        "group": group.public_id,
        "uid": uid,
        "ts": seconds(crash.occurred_at),
        "app_version": crash.app_version,
        **{name: value for name, value in crash.report.items() if name not in {"_id", "group", "uid", "ts"}},
        **crash.texts,
    }
