"""Push messages: compose and read them, and what one user received. Errors are a list, as Countly has them here."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from profiles.access.permissions import Role
from profiles.api.answers import ApiError
from profiles.api.documents import MEMBER_FORMAT, milliseconds
from profiles.api.endpoint import DID, TABLE, Call, Endpoint, Parameter
from profiles.api.finding import asked_filter, asks_for_one, named_user
from profiles.directory.audience import Audience
from profiles.directory.filters.tree import Condition, Group
from profiles.messages import content as contents, services
from profiles.messages.accounts import providers_of
from profiles.messages.conditions import PROVIDERS, REACH
from profiles.messages.content import Button, Content, ContentError, Text
from profiles.messages.models import Delivery, Message, MessageTotal
from profiles.messages.querysets import Counts, counts_of, messages_of, received_by
from profiles.messages.services import Draft, MessageError

MOST_RECEIVED: Final = 200
_SOONEST: Final = timedelta(minutes=1)  # a start that is nearer than this is now
# Countly's letters of platforms, and the providers that they stand for.
_PLATFORMS: Final = {"i": "apple", "a": "google", "h": "huawei"}
_NAMES: Final = {"i": "iOS", "a": "Android", "h": "Huawei"}
_LETTERS: Final = {PROVIDERS[name]: letter for letter, name in _PLATFORMS.items()}
_STATES: Final = {
    Message.State.DRAFT: "draft",
    Message.State.WAITING: "inactive",
    Message.State.SCHEDULED: "scheduled",
    Message.State.SENDING: "sending",
    Message.State.SENT: "sent",
    Message.State.CANCELLED: "stopped",
    Message.State.FAILED: "failed",
}


def _invalid(text: str) -> ApiError:
    return ApiError(text, content={"kind": "ValidationError", "errors": [text]})


# --- Writing ------------------------------------------------------------------------------------


def create(call: Call) -> dict[str, Any]:
    """Compose a message; one that is no draft is sent, scheduled, or waits for a second person."""
    values = call.parameters.values
    if values.get("app") not in (None, call.app.public_id):
        raise _invalid("app and app_id differ")
    is_draft = values.get("status") == "draft"
    draft = Draft(
        content=_content(_list(call, "contents"), is_draft=is_draft),
        audience=_audience(call, _platforms(call, is_draft=is_draft)),
        **_start(call, _list(call, "triggers"), is_draft=is_draft),
    )
    message = services.save_draft(call.app, draft, call.key.user, call.now)
    if not is_draft:
        try:
            message = services.submit(message, call.key.user, call.now)
        except MessageError as error:
            services.delete_draft(message)
            raise _invalid(str(error)) from None
    return _document(message, Counts())


def _list(call: Call, name: str) -> list[Mapping[str, Any]]:
    value = call.parameters.json(name)
    if not value:
        raise _invalid(f"{name} is required")
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise _invalid(f"{name} is an array of objects")
    return value


def _platforms(call: Call, *, is_draft: bool) -> list[str]:
    asked = call.parameters.json("platforms")
    if not asked or not isinstance(asked, list):
        raise _invalid("platforms is required")
    if not all(isinstance(one, str) and (one in _PLATFORMS or one == "w") for one in asked):
        raise _invalid("Invalid platform")
    meant = [one for one in asked if one in _PLATFORMS]
    has_credentials = providers_of(call.app)
    for one in meant:
        if not is_draft and PROVIDERS[_PLATFORMS[one]] not in has_credentials:
            raise _invalid(f"No push credentials for {_NAMES[one]} platform")
    if not meant and not is_draft:
        raise _invalid("Invalid platform")
    return meant


def _content(asked: Sequence[Mapping[str, Any]], *, is_draft: bool) -> Content:
    first, *others = asked
    texts = [_text(first, "")]
    for one in others:
        if one.get("p"):
            if not is_draft:
                raise _invalid("contents: one text goes to all platforms")
        elif one.get("message"):
            texts.append(_text(one, contents.clean_locale(str(one.get("la", "")))))
    badge = first.get("badge")
    content = Content(
        texts=tuple(texts),
        link=_said(first, "url"),
        media=_said(first, "media"),
        sound=_said(first, "sound") or "default",
        badge=badge if isinstance(badge, int) and not isinstance(badge, bool) else None,
        data=_data(first.get("data")),
    )
    try:
        contents.check(content)
    except ContentError as error:
        raise _invalid(str(error)) from None
    return content


def _text(asked: Mapping[str, Any], locale: str) -> Text:
    if not _said(asked, "message"):
        raise _invalid("message is required")
    buttons = asked.get("buttons") or []
    if not isinstance(buttons, list) or not all(isinstance(one, Mapping) for one in buttons):
        raise _invalid("buttons is an array of objects")
    return Text(
        # Braces mean a property here, and only themselves there.
        title=_plain(_said(asked, "title")),
        body=_plain(_said(asked, "message")),
        locale=locale,
        buttons=tuple(Button(_said(one, "title"), _said(one, "url")) for one in buttons),
    )


def _plain(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _said(asked: Mapping[str, Any], name: str) -> str:
    value = asked.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or "\0" in value:
        raise _invalid(f"{name} is a text")
    return value


def _data(value: Any) -> dict[str, str]:
    try:
        value = json.loads(value) if isinstance(value, str) and value else value or {}
    except (ValueError, RecursionError):
        raise _invalid("data is no valid JSON") from None
    if not isinstance(value, Mapping):
        raise _invalid("data is an object")
    return {str(name): one if isinstance(one, str) else json.dumps(one) for name, one in value.items()}


def _start(call: Call, triggers: Sequence[Mapping[str, Any]], *, is_draft: bool) -> dict[str, Any]:
    """Return when it goes out: at once, at a moment, or at each user's own time of day (`sctz`)."""
    trigger = triggers[0]
    if trigger.get("kind") != "plain":
        if is_draft:
            return {}
        raise _invalid("triggers: only plain ones can be sent here")
    at = trigger.get("start")
    if at is None:
        raise _invalid("start is required")
    moment = _moment(at)
    if moment <= call.now + _SOONEST:
        return {}
    is_local = trigger.get("sctz") is not None
    wall = moment.astimezone(ZoneInfo(call.app.timezone)).replace(tzinfo=None, second=0, microsecond=0)
    return {"when": Message.When.LOCAL if is_local else Message.When.AT, "wall_clock": wall}


def _moment(value: Any) -> datetime:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000, tz=UTC)
        moment = datetime.fromisoformat(str(value))
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        raise _invalid("start is a moment: milliseconds, or ISO 8601") from None


def _audience(call: Call, platforms: Sequence[str]) -> Audience:
    asked = call.parameters.json("filter") or {}
    if not isinstance(asked, Mapping):
        raise _invalid("filter is an object")
    for name in ("drill", "geos", "cohorts"):
        if asked.get(name) not in (None, "", "{}", [], {}):
            raise _invalid("No such geo" if name == "geos" else f"filter: {name} has no counterpart here; use user")
    query = asked.get("user") or {}
    try:
        query = json.loads(query) if isinstance(query, str) else query
    except (ValueError, RecursionError):
        raise _invalid("filter: user is no valid JSON") from None
    if not isinstance(query, dict):
        raise _invalid("filter: user is an object")
    chosen = asked_filter(call, query)
    if platforms and len(platforms) < len(_PLATFORMS):
        reached = Group(tuple(Condition(REACH, _PLATFORMS[one]) for one in platforms), is_any=len(platforms) > 1)
        members = [*((reached,) if reached.is_any else reached.members)]
        members += (chosen,) if chosen.is_any else chosen.members
        chosen = Group(tuple(members))
    return Audience(filter=chosen)


# --- Reading ------------------------------------------------------------------------------------


def read(call: Call) -> dict[str, Any]:
    """Answer one message."""
    message = Message.objects.filter(app=call.app, public_id=call.in_path).select_related("app").first()
    if message is None:
        raise ApiError("Message not found", 404, content={"errors": ["Message not found"]})
    return _document(message, counts_of([message])[message.pk])


def read_all(call: Call) -> dict[str, Any]:
    """Answer the app's messages, the newest first; none is automatic or transactional here."""
    page = call.parameters.page()
    if call.parameters.flag("auto") or call.parameters.flag("api"):
        return page.table([], 0)
    found = [
        message
        for message in messages_of(call.app, is_test=False)[: page.end + 1000]
        if page.search.lower() in str(message).lower()
    ]
    shown = found[page.offset : page.end]
    counts = counts_of(shown)
    rows = [_document(message, counts[message.pk]) for message in shown]
    return page.table([row | {"triggerObject": row["triggers"][0]} for row in rows], len(found))


def of_user(call: Call) -> dict[str, Any]:
    """Answer which messages a user was sent, and when, in milliseconds; with `messages` also what they say."""
    parameters = call.parameters
    if parameters.text("id"):
        call = Call(
            type(parameters)({**parameters.values, "uid": parameters.text("id")}),
            *(call.key, call.now, call.address, call.in_path, call.of_app),
        )
    if not asks_for_one(call):
        raise _of_user("One of id & did parameters is required")
    user = named_user(call)
    if user is None:
        if parameters.text("id"):
            return {}
        raise _of_user("User with the did specified is not found", 404)
    sent: dict[str, list[int]] = {}
    messages = {}
    for one in received_by(user.id, MOST_RECEIVED):
        if one.delivery.state == Delivery.State.SENT and one.delivery.settled_at is not None:
            sent.setdefault(one.message.public_id, []).append(milliseconds(one.delivery.settled_at) or 0)
            messages[one.message.public_id] = one.message
    if not sent:
        return {}
    answer: dict[str, Any] = {"notifications": sent}
    if parameters.flag("messages"):
        counts = counts_of(messages.values())
        for message in messages.values():
            message.app = call.app
        answer["messages"] = [_document(message, counts[message.pk]) for message in messages.values()]
    return answer


def _of_user(text: str, status: int = 400) -> ApiError:
    return ApiError(text, status, content={"result": {"errors": [text]}})


def _document(message: Message, counts: Counts) -> dict[str, Any]:
    content = contents.from_json(message.content)
    shared = {"sound": content.sound, "badge": content.badge, "url": content.link, "media": content.media}
    return {
        "_id": message.public_id,
        "app": message.app.public_id,
        "platforms": sorted({_LETTERS[one] for one in counts.providers if one in _LETTERS}) or sorted(_PLATFORMS),
        "status": _STATES[Message.State(message.state)],
        "filter": {"user": dict(message.audience).get("filter", "")},
        "triggers": [{"kind": "plain", "start": _iso(message.starts_at or message.began_at or message.created_at)}],
        "contents": [
            {
                "message": text.body,
                "title": text.title,
                "buttons": [{"title": button.title, "url": button.link} for button in text.buttons],
                **({"la": text.locale} if text.locale else {name: one for name, one in shared.items() if one}),
            }
            for text in content.texts
        ],
        "result": {
            "total": counts.total,
            "processed": counts.settled,
            "sent": counts.of(Delivery.State.SENT),
            "actioned": counts.of(MessageTotal.OPENED),
            "failed": counts.of(Delivery.State.FAILED),
        },
        "info": {
            "title": str(message),
            "appName": message.app.name,
            "created": _iso(message.created_at),
            "createdBy": "" if message.created_by_id is None else MEMBER_FORMAT.format(message.created_by_id),
            "createdByName": message.created_by,
        },
    }


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_MESSAGE: Final = {"_id": "65aa…", "status": "scheduled", "result": {"total": 0, "sent": 0, "actioned": 0}}

ENDPOINTS: Final = (
    Endpoint(
        "/i/push/message/create",
        "Compose a push message: a draft, or one that is sent",
        create,
        role=Role.ANALYST,
        writes=True,
        parameters=(
            Parameter("platforms", "JSON array of i, a, h.", is_required=True),
            Parameter("triggers", 'JSON: [{"kind": "plain", "start": moment}].', is_required=True),
            Parameter("contents", 'JSON: [{"message", "title", …}], later ones with "la".', is_required=True),
            Parameter("filter", 'JSON: {"user": query}.'),
            Parameter("status", "draft: send nothing yet.", choices=("draft",)),
        ),
        example=_MESSAGE,
    ),
    Endpoint("/o/push/message/all", "The app's messages", read_all, parameters=TABLE),
    Endpoint("/o/push/message/<in_path>", "One message", read, example=_MESSAGE),
    Endpoint(
        "/o/push/user",
        "Which messages a user was sent",
        of_user,
        parameters=(
            Parameter("id", "A user's short id."),
            DID,
            Parameter("messages", "Answer what they say, too.", "boolean"),
        ),
        example={"notifications": {"65aa…": [1770000000000]}},
    ),
)
