"""Writes of app users: create, update, delete, export."""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from itertools import islice
from typing import Any, Final

from django.db import transaction
from django.http import QueryDict, StreamingHttpResponse

from profiles.access import audit
from profiles.access.models import App
from profiles.access.permissions import Role
from profiles.api.answers import ApiError, missing, unreadable
from profiles.api.documents import document_id, user_document
from profiles.api.endpoint import QUERY, Call, Endpoint, Parameter
from profiles.api.finding import asked_filter
from profiles.api.models import UserExport
from profiles.directory import sorts
from profiles.directory.audience import Audience, count_users, users_of
from profiles.directory.filters.fields import CUSTOM
from profiles.directory.querysets import ordered_keys
from profiles.identity import editing
from profiles.identity.editing import Edit
from profiles.privacy import erasures, person_export
from profiles.privacy.forgetting import forget
from profiles.users.models import AppUser, PropertyChange
from profiles.users.properties import JsonValue, Operation

AT_ONCE: Final = 200  # users that a request deletes itself; more is a job in the background
CHANGED_AT_ONCE: Final = 500
MOST_CHANGED: Final = 10_000
LONGEST_NAME: Final = 128
LONGEST_TEXT: Final = 1024
DEEPEST: Final = 5
MOST_CHANGES: Final = 100
_YEARS: Final = range(1900, 2101)
_CHUNK: Final = 500

_DETAILS: Final = {name: name for name in ("name", "username", "email", "organization", "phone", "picture")}
_FACTS: Final = {
    "p": "platform",
    "pv": "platform_version",
    "av": "app_version",
    "d": "device",
    "c": "carrier",
    "r": "resolution",
    "mnf": "manufacturer",
    "lo": "locale",
    "la": "language",
    "cc": "country",
    "rgn": "region",
    "cty": "city",
    "src": "source",
    "brw": "browser",
}
# What is counted or given out, never set.
_OURS: Final = frozenset(
    {"_id", "uid", "did", "sc", "tsd", "sd", "ls", "fs", "fac", "lac", "e", "engagement_score", "hasInfo", "consent"}
)
_MODIFIERS: Final[Mapping[str, Operation]] = {
    "$set": Operation.SET,
    "$unset": Operation.UNSET,
    "$setOnce": Operation.SET_ONCE,
    "$inc": Operation.INCREMENT,
    "$mul": Operation.MULTIPLY,
    "$min": Operation.MIN,
    "$max": Operation.MAX,
    "$push": Operation.PUSH,
    "$addToSet": Operation.ADD_TO_SET,
    "$pull": Operation.PULL,
}
_OF_NUMBERS: Final = frozenset({Operation.INCREMENT, Operation.MULTIPLY, Operation.MIN, Operation.MAX})


# --- What to change -----------------------------------------------------------------------------


@dataclass(slots=True)
class _Writing:
    """An edit while it is read."""

    parameter: str
    details: dict[str, JsonValue] = field(default_factory=dict)
    custom: list[tuple[str, Operation, JsonValue]] = field(default_factory=list)
    facts: dict[str, str | None] = field(default_factory=dict)

    def add(self, path: str, operation: Operation, value: Any) -> None:
        """Add one change; raises ApiError for what cannot be changed, or not so."""
        if path == "custom" and operation is Operation.SET and isinstance(value, dict):
            for name, held in value.items():
                self.add(CUSTOM + name, operation, held)
        elif path in _OURS:
            raise unreadable(self.parameter, f"{path} cannot be set")
        elif path == "byear" or path in _DETAILS or path == "gender":
            self._add_detail(path, operation, value)
        elif path in _FACTS:
            self._must_set(path, operation)
            self.facts[_FACTS[path]] = None if operation is Operation.UNSET or not value else self._text(path, value)
        else:
            self._add_custom(path.removeprefix(CUSTOM), operation, value)

    def edit(self) -> Edit:
        """Return what was read."""
        if len(self.details) + len(self.custom) + len(self.facts) > MOST_CHANGES:
            raise unreadable(self.parameter, f"it has more than {MOST_CHANGES} changes")
        return Edit(self.details, tuple(self.custom), self.facts)

    def _add_detail(self, path: str, operation: Operation, value: Any) -> None:
        self._must_set(path, operation)
        if operation is Operation.UNSET or value in (None, ""):
            self.details["birth_year" if path == "byear" else path] = None
        elif path == "byear":
            if not isinstance(value, int) or value not in _YEARS:
                raise unreadable(self.parameter, "byear is a year such as 1990")
            self.details["birth_year"] = value
        elif path == "gender" and value not in ("M", "F"):
            raise unreadable(self.parameter, "gender is M, F or empty")
        else:
            self.details[path] = self._text(path, value)

    def _add_custom(self, name: str, operation: Operation, value: Any) -> None:
        if not 0 < len(name) <= LONGEST_NAME or name.startswith("$") or "." in name:
            raise unreadable(
                self.parameter, f"a property's name has 1 to {LONGEST_NAME} letters, no $ before and no dot"
            )
        if operation in _OF_NUMBERS and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise unreadable(self.parameter, f"{operation.value} needs a number")
        self._check(value, DEEPEST)
        self.custom.append((name, operation, None if operation is Operation.UNSET else value))

    def _must_set(self, path: str, operation: Operation) -> None:
        if operation not in {Operation.SET, Operation.UNSET}:
            raise unreadable(self.parameter, f"{path} can be $set and $unset alone")

    def _text(self, path: str, value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise unreadable(self.parameter, f"{path} is a text")
        return str(value)[:LONGEST_TEXT]

    def _check(self, value: Any, depth: int) -> None:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        if depth == 0 or len(inner) > MOST_CHANGES or (isinstance(value, str) and len(value) > LONGEST_TEXT):
            raise unreadable(self.parameter, "a value is too long or too deep")
        for one in inner:
            self._check(one, depth - 1)


def _update_of(update: Mapping[str, Any], query: Mapping[str, Any]) -> Edit:
    writing = _Writing("update")
    for name, changes in update.items():
        operation = _MODIFIERS.get(name)
        if operation is None and not name.startswith("$"):
            texts = (json.dumps(one, separators=(",", ":"))[:LONGEST_TEXT] for one in (update, query))
            raise ApiError("Unkown modifier name in {} for {}".format(*texts))  # clients know this spelling
        if operation is None:
            raise unreadable("update", f"there is no modifier {name[:40]}")
        if not isinstance(changes, dict):
            raise unreadable("update", f"{name} needs an object")
        for path, value in changes.items():
            writing.add(path, operation, value)
    return writing.edit()


# --- Endpoints ----------------------------------------------------------------------------------


def create(call: Call) -> dict[str, str]:
    """Create a user; the answer's text holds the document, compact, because clients search it."""
    data = call.parameters.object("data")
    if data is None:
        raise missing("data")
    if not data:
        raise ApiError('Parameter "data" cannot be empty')
    device_id = data.get("did")
    if not isinstance(device_id, str) or not device_id:
        raise ApiError("Provide device_id as did property for data")
    id_ = document_id(call.app, device_id)
    if data.get("_id", id_) != id_:
        raise ApiError(
            f"Based on app key and device_id, provided _id property should be {id_} Do not provide _id if you want api"
            " to use correct one"
        )
    if "uid" in data:
        raise unreadable("data", "uid is given out by the server")
    writing = _Writing("data")
    for path, value in data.items():
        if path not in {"did", "_id"}:
            writing.add(path, Operation.SET, value)
    with transaction.atomic():
        key = editing.create(call.app, device_id, writing.edit(), source=PropertyChange.Source.API, now=call.now)
        if key is None:
            raise ApiError("A user with this did exists already")
        uid = AppUser.objects.values_list("uid", flat=True).get(pk=key)
        _record(call, audit.Action.EDITED, f"user {uid}", {"created": True})
    document = {**data, "_id": id_, "uid": uid}
    return {"result": f"User Created: {json.dumps(document, separators=(',', ':'))}"}


def update(call: Call) -> dict[str, Any]:
    """Change the users whom a query finds; several only with `force`."""
    query, update = call.parameters.object("query"), call.parameters.object("update")
    if query is None:
        raise missing("query")
    if update is None:
        raise missing("update")
    if not update:
        raise ApiError('Parameter "update" cannot be empty')
    if not query:
        raise ApiError('Parameter "query" cannot be empty, it would update all users')
    edit = _update_of(update, query)
    audience, count = _meant(call, query, "update")
    if count > MOST_CHANGED:
        raise ApiError(f"This query would update {count} users, {MOST_CHANGED} are possible")
    ids = list(users_of(call.app, audience).values_list("id", flat=True)[:MOST_CHANGED])
    changed = 0
    for first in range(0, len(ids), CHANGED_AT_ONCE):
        with transaction.atomic():
            some = ids[first : first + CHANGED_AT_ONCE]
            changed += editing.change(call.app, some, edit, source=PropertyChange.Source.API, now=call.now)
            _record(call, audit.Action.EDITED, _subject(call.app, some), {"users": len(some)})
    return {"result": "User Updated", "count": changed}


def delete(call: Call) -> dict[str, Any]:
    """Delete the users whom a query finds, with everything held on them; several only with `force`."""
    query = call.parameters.object("query")
    if query is None:
        raise missing("query")
    if not query:
        raise ApiError('Parameter "query" cannot be empty, it would delete all users. Use clear app instead')
    audience, count = _meant(call, query, "delete")
    if count > AT_ONCE:
        erasure = erasures.ask(call.app, audience, by=call.key.user, now=call.now, address=call.address)
        return {"result": "User deleted", "count": count, "erasure": erasure.pk}
    with transaction.atomic():
        ids = list(users_of(call.app, audience).values_list("id", flat=True)[:AT_ONCE])
        _record(call, audit.Action.DELETED, _subject(call.app, ids), {"users": len(ids)})
        forgotten = forget(call.app, ids, call.now)
    return {"result": "User deleted", "count": forgotten.users}


def _meant(call: Call, query: dict[str, Any], deed: str) -> tuple[Audience, int]:
    """Return who is meant and how many they are; raises ApiError for nobody, and for several without `force`."""
    audience = Audience(filter=asked_filter(call, query))
    count = count_users(call.app, audience)
    if not count:
        raise ApiError("No users matching criteria")
    if count > 1 and not call.parameters.flag("force"):
        raise ApiError(f"This query would {deed} more than one user")
    return audience, count


def _subject(app: App, ids: Sequence[Any]) -> str:
    if len(ids) != 1:
        return f"{len(ids)} users"
    return f"user {AppUser.objects.values_list('uid', flat=True).filter(app=app, pk=ids[0]).first()}"


def _record(call: Call, action: audit.Action, subject: str, detail: Mapping[str, Any]) -> None:
    audit.record(call.key.user, call.app, action, subject, {**detail, "through": "API"}, address=call.address)


# --- Exports ------------------------------------------------------------------------------------


def export(call: Call) -> dict[str, Any]:
    """Prepare an export of the users whom a query finds, and answer its name."""
    query = call.parameters.object("query")
    if query is None:
        raise missing("query")
    audience = Audience(filter=asked_filter(call, query))
    count = count_users(call.app, audience)
    if not count:
        raise ApiError("Query didn't mach any user")  # clients know this spelling
    fields = audience.fields()
    if count == 1:
        uid = users_of(call.app, audience).values_list("uid", flat=True)[0]
        name, fields = f"appUser_{call.app.public_id}_{uid}", Audience(picked=(uid,)).fields()
    else:
        digest = sha1(json.dumps(fields).encode(), usedforsecurity=False).hexdigest()
        name = f"appUser_{call.app.public_id}_HASH_{digest}"
    with transaction.atomic():
        UserExport.objects.update_or_create(
            name=name,
            defaults={
                "app": call.app,
                "asked": fields,
                "asked_by": call.key.user.get_username(),
                "created_at": call.now,
            },
        )
        _record(call, audit.Action.EXPORTED, "users", {"users": count})
    return {"result": f"{name}.json", "count": count}


def download(call: Call) -> StreamingHttpResponse:
    """Answer an export: of one user everything that is held, as a zip; of several their profiles, as gzipped JSON."""
    found = _export_or_error(call, "Missing filename", "Export doesn't exist")
    parameters = QueryDict(mutable=True)
    for name, value in found.asked:
        parameters.appendlist(name, value)
    audience = Audience.read(parameters)
    user = users_of(call.app, audience).select_related("activity").first() if audience.picked else None
    if audience.picked and user is None:
        raise ApiError("Export doesn't exist")
    if user is not None:
        lines, kind, ending = person_export.stream(call.app, user, call.now), "application/zip", "zip"
    else:
        lines, kind, ending = _gzipped(_profiles(call, audience)), "application/x-gzip", "json.gz"
    _record(call, audit.Action.EXPORTED, "users", {"file": found.name})
    response = StreamingHttpResponse(lines, content_type=kind)
    response["Content-Disposition"] = f'inline; filename="{found.name}.{ending}"'
    return response


def delete_export(call: Call) -> dict[str, str]:
    """Delete an export; one that is no more is an error that changes nothing."""
    _export_or_error(call, "invalid filename", "Invalid filename").delete()
    return {"result": "Export deleted"}


def _export_or_error(call: Call, without: str, unknown: str) -> UserExport:
    """Return the app's own export of the name in the address."""
    name = call.in_path.removesuffix(".json")
    if not name.startswith("appUser_"):
        raise ApiError(without)
    found = UserExport.objects.filter(app=call.app, name=name).first()
    if found is None:
        raise ApiError(unknown)
    return found


def _profiles(call: Call, audience: Audience) -> Iterator[bytes]:
    """Give an array of profiles, piece by piece, as of one moment."""
    yield b"["
    with transaction.atomic():
        keys = ordered_keys(call.app, audience, sorts.LAST_SEEN, is_descending=True, chunk=_CHUNK)
        before = ""
        while ids := list(islice(keys, _CHUNK)):
            users = AppUser.objects.select_related("activity", "engagement").in_bulk(ids)
            for key in ids:
                if key in users:
                    text = json.dumps(user_document(call.app, users[key], call.now), ensure_ascii=False)
                    yield f"{before}{text}".encode()
                    before = ",\n"
    yield b"]\n"


def _gzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Compress in members of some size: gzip takes one after the other for one file."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) > 1 << 18:
            yield gzip.compress(bytes(held), mtime=0)
            held.clear()
    yield gzip.compress(bytes(held), mtime=0)


_NO_APP: Final = missing("app_id")
_FORCE: Final = Parameter("force", "Needed where the query finds more than one user.", "boolean")

ENDPOINTS: Final = (
    Endpoint(
        "/i/app_users/create",
        "Create a user",
        create,
        role=Role.ANALYST,
        writes=True,
        missing_app=_NO_APP,
        parameters=(Parameter("data", "The user as JSON: `did`, details, custom properties.", is_required=True),),
        example={"result": 'User Created: {"did":"dev-18","name":"Bo","_id":"9c0d…","uid":"18"}'},
    ),
    Endpoint(
        "/i/app_users/update",
        "Change users",
        update,
        role=Role.ANALYST,
        writes=True,
        missing_app=_NO_APP,
        parameters=(QUERY, Parameter("update", "JSON of $set, $unset, $inc, $push, …", is_required=True), _FORCE),
        example={"result": "User Updated", "count": 1},
    ),
    Endpoint(
        "/i/app_users/delete",
        "Delete users with everything that is held on them",
        delete,
        role=Role.ADMIN,
        writes=True,
        missing_app=_NO_APP,
        parameters=(QUERY, _FORCE),
        example={"result": "User deleted", "count": 1},
    ),
    Endpoint(
        "/i/app_users/export",
        "Prepare an export of users",
        export,
        role=Role.ADMIN,
        writes=True,
        missing_app=_NO_APP,
        parameters=(QUERY,),
        example={"result": "appUser_64f0…_18.json", "count": 1},
    ),
    Endpoint(
        "/i/app_users/deleteExport/<in_path>",
        "Delete an export",
        delete_export,
        role=Role.ADMIN,
        writes=True,
        missing_app=_NO_APP,
        example={"result": "Export deleted"},
    ),
    Endpoint("/o/app_users/download/<in_path>", "Fetch an export", download, role=Role.ADMIN),
)
