"""Apps, the caller, and what this server can do."""

from contextlib import suppress
from typing import Any, Final

from django.core.exceptions import ValidationError

from profiles.access import api_keys, app_settings
from profiles.access.models import App, AppErasure, validate_timezone
from profiles.access.permissions import Role
from profiles.api.answers import SUCCESS, ApiError, unreadable
from profiles.api.documents import app_document, member_document
from profiles.api.endpoint import Call, Endpoint, Parameter
from profiles.privacy import app_erasure

PLUGINS: Final = {
    "users": "User Profiles",
    "funnels": "Funnels",
    "crashes": "Crashes",
    "push": "Push notifications",
    "compliance-hub": "Compliance hub",
    "drill": "Queries over users",
}
LONGEST_NAME: Final = 120
LONGEST_KEY: Final = 128


def plugins(_: Call) -> list[dict[str, Any]]:
    """Answer the parts that this server has."""
    return [
        {
            "enabled": True,
            "code": code,
            "title": title,
            "name": code,
            "description": "",
            "version": "1.0",
            "author": "",
            "homepage": "",
            "cly_dependencies": {},
        }
        for code, title in PLUGINS.items()
    ]


def mine(call: Call) -> dict[str, dict[str, Any]]:
    """Answer the apps that the key opens: those that it administers, and all."""
    apps = list(api_keys.visible_apps(call.key))
    return {
        "admin_of": {app.public_id: app_document(app) for app in apps if app.viewer_role == Role.ADMIN},
        "user_of": {app.public_id: app_document(app) for app in apps},
    }


def me(call: Call) -> dict[str, Any]:
    """Answer who the caller is."""
    apps = list(api_keys.visible_apps(call.key))
    return member_document(
        call.key.user,
        [app.public_id for app in apps if app.viewer_role == Role.ADMIN],
        [app.public_id for app in apps],
    )


def _args(call: Call) -> dict[str, Any]:
    args = call.parameters.object("args")
    return dict(call.parameters.values) if args is None else args


def _text(args: dict[str, Any], name: str, longest: int) -> str | None:
    value = args.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > longest or "\0" in value:
        raise ApiError(f"Invalid app {name}")
    return value.strip()


def create(call: Call) -> dict[str, Any]:
    """Create an app whose admin is the caller; an unknown time zone becomes UTC."""
    args = _args(call)
    name = _text(args, "name", LONGEST_NAME)
    if name is None:
        raise ApiError("Error: name is required")
    zone = args.get("timezone") or "UTC"
    try:
        validate_timezone(str(zone))
    except ValidationError:
        zone = "UTC"
    key = _text(args, "key", LONGEST_KEY) or ""
    if key and app_settings.key_is_taken(key):
        raise ApiError("App key already in use")
    app = app_settings.create(by=call.key.user, name=name, timezone=str(zone), key=key, address=call.address)
    app.viewer_role = Role.ADMIN
    return app_document(app)


def _named(call: Call) -> tuple[App, dict[str, Any]]:
    """Return the app that `args` names, which the caller must administer, and the arguments."""
    args = _args(call)
    public_id = args.get("app_id") or call.parameters.text("app_id")
    app = api_keys.visible_apps(call.key).filter(public_id=str(public_id)[:24]).first() if public_id else None
    if app is None:
        raise ApiError("App not found", 404)
    if app.viewer_role != Role.ADMIN or not call.key.may_write:
        raise ApiError("User does not have admin rights for this app", 401)
    return app, args


def update(call: Call) -> dict[str, Any]:
    """Change an app; answers what changed."""
    app, args = _named(call)
    changes: dict[str, Any] = {}
    if (name := _text(args, "name", LONGEST_NAME)) is not None:
        changes["name"] = name
    if args.get("timezone") is not None:
        try:
            validate_timezone(str(args["timezone"]))
        except ValidationError:
            raise ApiError("Invalid props: timezone") from None
        changes["timezone"] = str(args["timezone"])
    if args.get("locked") is not None:
        if not isinstance(args["locked"], bool):
            raise ApiError("Invalid props: locked")
        changes["is_locked"] = args["locked"]
    for name in ("key", "salt"):
        if args.get(name) not in (None, getattr(app, name)):
            raise unreadable(name, "keys and salts are replaced on the app's settings page, with a time of grace")
    changed = {name for name, value in changes.items() if getattr(app, name) != value}
    if not changed:
        return {"result": "Nothing changed"}
    app_settings.change(app, changes, by=call.key.user, address=call.address)
    names = {"is_locked": "locked"}
    return {names.get(name, name): changes[name] for name in sorted(changed)} | {"edited_at": int(call.now.timestamp())}


def reset(call: Call) -> dict[str, str]:
    """Delete all data of an app in the background; the app itself stays. Only whole resets are possible."""
    app, args = _named(call)
    if args.get("period", "all") not in {"all", "reset"}:
        raise unreadable("period", "all is possible; what is older than some days goes by the app's retention settings")
    return _erase(call, app, AppErasure.Kind.RESET)


def delete(call: Call) -> dict[str, str]:
    """Delete an app with all its data in the background."""
    return _erase(call, _named(call)[0], AppErasure.Kind.DELETE)


def _erase(call: Call, app: App, kind: AppErasure.Kind) -> dict[str, str]:
    if app.is_locked:
        raise ApiError("Application is locked", 403)
    with suppress(app_erasure.ErasingAlreadyError):  # asked twice is asked once
        app_erasure.ask(app, kind, by=call.key.user, now=call.now, address=call.address)
    return SUCCESS


_APP: Final = {"_id": "64f0…", "name": "Shop", "key": "…", "timezone": "Europe/Oslo", "country": ""}
_ARGS: Final = Parameter("args", "JSON of what is named here.")

ENDPOINTS: Final = (
    Endpoint(
        "/o/plugins",
        "The parts that this server has",
        plugins,
        role=None,
        example=[{"enabled": True, "code": "users", "title": "User Profiles"}],
    ),
    Endpoint(
        "/o/apps/mine",
        "The apps that the key opens",
        mine,
        role=None,
        example={"admin_of": {}, "user_of": {"64f0…": _APP}},
    ),
    Endpoint("/o/apps/all", "All apps", mine, role=None, is_for_superusers=True),
    Endpoint("/o/users/me", "The caller", me, role=None, example={"_id": "0000…", "username": "ann"}),
    Endpoint(
        "/i/apps/create",
        "Create an app",
        create,
        role=None,
        writes=True,
        is_for_superusers=True,
        parameters=(
            _ARGS,
            Parameter("name", "Name.", is_required=True),
            Parameter("timezone", "Of the IANA database."),
        ),
        example=_APP,
    ),
    Endpoint(
        "/i/apps/update",
        "Change an app",
        update,
        role=None,
        writes=True,
        parameters=(_ARGS, Parameter("app_id", "The app.", is_required=True), Parameter("name", "Name.")),
        example={"name": "Shop 2", "edited_at": 1770000000},
    ),
    Endpoint(
        "/i/apps/reset",
        "Delete all data of an app",
        reset,
        role=None,
        writes=True,
        parameters=(_ARGS, Parameter("app_id", "The app.", is_required=True)),
        example=SUCCESS,
    ),
    Endpoint(
        "/i/apps/delete",
        "Delete an app",
        delete,
        role=None,
        writes=True,
        parameters=(_ARGS, Parameter("app_id", "The app.", is_required=True)),
        example=SUCCESS,
    ),
)
