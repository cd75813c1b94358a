"""Crash groups: the list, one group, and what people do with them."""

from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Q, QuerySet

from profiles.access import audit
from profiles.access.permissions import Role
from profiles.access.querysets import user_totals
from profiles.api.answers import SUCCESS, ApiError, unreadable
from profiles.api.documents import comment_document, group_document, report_document
from profiles.api.endpoint import SORTED_TABLE, Call, Endpoint, Parameter
from profiles.api.parameters import Page
from profiles.crashes import handling
from profiles.crashes.models import Crash, CrashComment, CrashGroup, CrashUser
from profiles.crashes.querysets import find_group, matching_groups
from profiles.crashes.state import Kind, ListState, Tab
from profiles.users.models import AppUser

MOST_LISTED: Final = 10_000  # groups in a bare list of names
_State = CrashGroup.State

_FILTERS: Final = {
    "crash-resolved": Q(state=_State.RESOLVED),
    "crash-unresolved": Q(state__in=[_State.OPEN, _State.REOCCURRED]),
    "crash-hidden": Q(state=_State.HIDDEN),
    "crash-nonfatal": Q(is_fatal=False),
    "crash-fatal": Q(is_fatal=True),
    "crash-new": Q(state=_State.OPEN),
    "crash-reoccurred": Q(state=_State.REOCCURRED),
}
# What a query over groups may ask, each by a value or by $in.
_COLUMNS: Final = {
    "_id": "public_id",
    "name": "title",
    "os": "platform",
    "latest_version": "latest_version",
    "reports": "occurrences_count",
    "users": "users_count",
}
_NUMBERS: Final = frozenset({"reports", "users"})
_FLAGS: Final = {
    "is_resolved": Q(state=_State.RESOLVED),
    "is_hidden": Q(state=_State.HIDDEN),
    "is_renewed": Q(state=_State.REOCCURRED),
    "nonfatal": Q(is_fatal=False),
}
_SORTS: Final = ("last_seen_at", "title", "platform", "occurrences_count", "users_count", "latest_version")


def crashes(call: Call) -> Any:
    """Answer what `group`, `list`, `graph` or none of them ask for."""
    parameters = call.parameters
    if parameters.text("group"):
        return _group(call)
    if parameters.flag("list"):
        groups = CrashGroup.objects.filter(app=call.app, merged_into=None).order_by("-last_seen_at", "-id")
        if user_totals(call.app).everybody >= MOST_LISTED:
            return []
        return [{"_id": id_, "name": title} for id_, title in groups.values_list("public_id", "title")[:MOST_LISTED]]
    return _graph(call) if parameters.flag("graph") else _table(call)


def _table(call: Call) -> dict[str, Any]:
    page = call.parameters.page()
    chosen = call.parameters.text("filter") if isinstance(call.parameters.values.get("filter"), str) else ""
    groups = CrashGroup.objects.filter(app=call.app, merged_into=None)
    total = groups.count()
    query = call.parameters.object("query") or {}
    if chosen == "crash-hidden" or query.get("is_hidden") is True:
        groups = groups.filter(state=_State.HIDDEN)
    else:
        groups = matching_groups(call.app, ListState(tab=Tab.ALL, search=page.search, kind=Kind.ANY))
    groups = groups.filter(_FILTERS.get(chosen, Q()), *(_asked(name, value) for name, value in query.items()))
    column = _SORTS[call.parameters.number("iSortCol_0", 0, most=len(_SORTS) - 1)]
    sign = "" if call.parameters.text("sSortDir_0") == "asc" else "-"
    found = groups.order_by(f"{sign}{column}", f"{sign}id")[page.offset : page.end]
    return page.table([group_document(group) for group in found], total, groups.count())


def _asked(name: str, value: Any) -> Q:
    if name in _FLAGS:
        if not isinstance(value, bool):
            raise unreadable("query", f"{name} is true or false")
        return _FLAGS[name] if value else ~_FLAGS[name]
    column = _COLUMNS.get(name)
    if column is None:
        raise unreadable("query", f"there is no field {name[:60]}")
    values = [value]
    if isinstance(value, dict):
        if list(value) != ["$in"] or not isinstance(value["$in"], list):
            raise unreadable("query", f"{name} can be asked by a value or by $in")
        values = value["$in"]
    kind = int if name in _NUMBERS else str
    if not all(isinstance(one, kind) and not isinstance(one, bool) for one in values):
        raise unreadable("query", f"{name} is {'a number' if kind is int else 'a text'}")
    if kind is int and any(abs(one) >= 2**63 for one in values):
        return Q(pk__in=[])
    return Q(**{f"{column}__in": values})


def _graph(call: Call) -> dict[str, Any]:
    """Count users and groups; `affected` users are those that any group hit."""
    groups = CrashGroup.objects.filter(app=call.app, merged_into=None)
    hits = CrashUser.objects.filter(app=call.app)
    counts = groups.aggregate(
        unique=Count("id"),
        resolved=Count("id", filter=Q(state=_State.RESOLVED)),
        unresolved=Count("id", filter=Q(state__in=[_State.OPEN, _State.REOCCURRED])),
    )
    total = sum(groups.values_list("occurrences_count", flat=True))
    return {
        "users": {
            "total": user_totals(call.app).everybody,
            "affected": hits.values("user_id").distinct().count(),
            "fatal": hits.filter(group__is_fatal=True).values("user_id").distinct().count(),
            "nonfatal": hits.filter(group__is_fatal=False).values("user_id").distinct().count(),
        },
        "crashes": {"total": total, **counts},
        "data": {},
    }


def _group(call: Call) -> Any:
    group = _find(call, call.parameters.text("group"))
    if group is None:
        raise ApiError("Crash group not found")
    page = call.parameters.page()
    members = _members(group)
    if call.parameters.flag("userlist"):
        return _uids(CrashUser.objects.filter(group__in=members), page)
    found = list(Crash.objects.filter(group__in=members).order_by("-occurred_at", "-id")[page.offset : page.end])
    uids = dict(AppUser.objects.filter(pk__in={crash.user_id for crash in found}).values_list("id", "uid"))
    return group_document(group) | {
        "total": user_totals(call.app).everybody,
        "url": "",
        "data": [report_document(crash, group, uids.get(crash.user_id)) for crash in found],
        "comments": [
            comment_document(comment)
            for comment in CrashComment.objects.filter(group__in=members).order_by("created_at", "id")
        ],
    }


def _uids(rows: QuerySet[CrashUser], page: Page) -> list[str]:
    ids = list(rows.order_by("-last_at", "-user_id").values_list("user_id", flat=True)[page.offset : page.end])
    uids = dict(AppUser.objects.filter(pk__in=ids).values_list("id", "uid"))
    return list(dict.fromkeys(uids[key] for key in ids if key in uids))


def _find(call: Call, public_id: str) -> CrashGroup | None:
    """Return the app's group of an id; one that was merged leads to the one that stands for it."""
    group = find_group(call.app, public_id)
    return group.merged_into if group is not None and group.merged_into is not None else group


def _members(group: CrashGroup) -> list[int]:
    return [group.pk, *CrashGroup.objects.filter(merged_into=group).values_list("pk", flat=True)]


# --- Deeds --------------------------------------------------------------------------------------


def _args(call: Call) -> dict[str, Any]:
    args = call.parameters.object("args")
    if args is None:
        raise ApiError("Please provide args parameter")
    if args.get("app_id", call.app.public_id) != call.app.public_id:
        raise ApiError("app_id and args.app_id differ")
    return args


def _named(call: Call, args: dict[str, Any]) -> list[CrashGroup]:
    """Return the groups that are named and there; clients name others too, which must be harmless."""
    ids = args.get("crashes") or [args.get("crash_id")]
    if not isinstance(ids, list):
        raise unreadable("args", "crashes is an array of ids")
    found = (_find(call, one) for one in ids[:1000] if isinstance(one, str))
    return [group for group in found if group is not None]


def _record(call: Call, group: CrashGroup, deed: str) -> None:
    detail = {"deed": deed, "through": "API"}
    subject = f"crash group {group.public_id}"
    audit.record(call.key.user, call.app, audit.Action.EDITED, subject, detail, address=call.address)


def resolve(call: Call) -> dict[str, str]:
    """Resolve groups; answers the version each is resolved in."""
    resolved = {}
    for group in _named(call, _args(call)):
        if group.state != _State.RESOLVED:
            handling.resolve(group=group)
            _record(call, group, "resolved")
        resolved[group.public_id] = group.resolved_version
    return resolved


def unresolve(call: Call) -> dict[str, str]:
    """Open resolved groups again."""
    return _change(call, "reopened", lambda group: group.state == _State.RESOLVED, handling.reopen)


def hide(call: Call) -> dict[str, str]:
    """Hide groups."""
    return _change(call, "hidden", lambda group: group.state != _State.HIDDEN, handling.hide)


def show(call: Call) -> dict[str, str]:
    """Show hidden groups again."""
    return _change(call, "shown", lambda group: group.state == _State.HIDDEN, handling.reopen)


def _change(call: Call, deed: str, is_meant: Any, change: Any) -> dict[str, str]:
    for group in _named(call, _args(call)):
        if is_meant(group):
            change(group=group)
            _record(call, group, deed)
    return SUCCESS


def add_comment(call: Call) -> dict[str, str]:
    """Say something of a group."""
    args = _args(call)
    text = _comment_text(args)
    for group in _named(call, args)[:1]:
        handling.add_comment(group=group, author=call.key.user, text=text, now=_time(args, call.now))
        _record(call, group, "comment added")
    return SUCCESS


def edit_comment(call: Call) -> dict[str, str]:
    """Change one's own comment; naming one that is not there changes nothing."""
    args = _args(call)
    text = _comment_text(args)
    comment = _own_comment(call, args)
    if comment is not None:
        handling.edit_comment(comment=comment, text=text, now=call.now)
    return SUCCESS


def delete_comment(call: Call) -> dict[str, str]:
    """Take one's own comment back; naming one that is not there changes nothing."""
    comment = _own_comment(call, _args(call))
    if comment is not None:
        handling.delete_comment(comment=comment)
    return SUCCESS


def _comment_text(args: dict[str, Any]) -> str:
    text = args.get("text", args.get("comment", ""))
    if not isinstance(text, str) or len(text) > handling.LONGEST_COMMENT:
        raise unreadable("args", f"a comment is a text of at most {handling.LONGEST_COMMENT} letters")
    return text


def _time(args: dict[str, Any], now: datetime) -> datetime:
    """Return when a comment was written: never later than now."""
    given = args.get("time")
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given / 1000 < now.timestamp():
        return now
    return datetime.fromtimestamp(given / 1000, tz=now.tzinfo)


def _own_comment(call: Call, args: dict[str, Any]) -> CrashComment | None:
    """Return the comment, if the caller wrote it or is a superuser."""
    number = str(args.get("comment_id", ""))
    if not number.isdecimal() or len(number) > 18:
        return None
    comments = CrashComment.objects.filter(pk=int(number), group__app=call.app)
    if not call.key.user.is_superuser:
        comments = comments.filter(author=call.key.user)
    return comments.first()


_ARGS: Final = Parameter("args", "JSON: crash_id, or crashes: [ids].", is_required=True)
_COMMENT_ARGS: Final = Parameter("args", "JSON: crash_id, text, comment_id.", is_required=True)
_ROW: Final = {"_id": "64f0…", "name": "IOError", "reports": 4, "users": 2, "is_resolved": False, "nonfatal": False}

ENDPOINTS: Final = (
    Endpoint(
        "/o",
        "Crash groups: a table, one group, names, or counts",
        crashes,
        method="crashes",
        parameters=(
            Parameter("group", "A group's id: answer it with its newest reports."),
            Parameter("userlist", "Of the group, answer the uids of the users hit.", "boolean"),
            Parameter("list", "Answer ids and names alone.", "boolean"),
            Parameter("graph", "Answer counts.", "boolean"),
            Parameter("query", "JSON over fields of groups, each by a value or by $in."),
            Parameter("filter", "Which groups.", choices=tuple(_FILTERS)),
            *SORTED_TABLE,
        ),
        example={"sEcho": "1", "iTotalRecords": 1, "iTotalDisplayRecords": 1, "aaData": [_ROW]},
    ),
    *(
        Endpoint(
            f"/i/crashes/{name}", summary, handler, role=Role.ANALYST, writes=True, parameters=(args,), example=example
        )
        for name, summary, handler, args, example in (
            ("resolve", "Resolve crash groups", resolve, _ARGS, {"64f0…": "2.4.1"}),
            ("unresolve", "Open resolved crash groups again", unresolve, _ARGS, SUCCESS),
            ("hide", "Hide crash groups", hide, _ARGS, SUCCESS),
            ("show", "Show hidden crash groups", show, _ARGS, SUCCESS),
            ("add_comment", "Say something of a crash group", add_comment, _COMMENT_ARGS, SUCCESS),
            ("edit_comment", "Change one's own comment", edit_comment, _COMMENT_ARGS, SUCCESS),
            ("delete_comment", "Take one's own comment back", delete_comment, _COMMENT_ARGS, SUCCESS),
        )
    ),
)
