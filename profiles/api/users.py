"""Reads of app users: list, one profile, breakdown, counts, crashes of one."""

from itertools import islice
from typing import Any, Final

from django.db import transaction
from django.db.models import Count, F
from django.db.models.fields.json import KeyTextTransform
from django.http import StreamingHttpResponse

from profiles.access import audit, masking
from profiles.access.permissions import Role, has_role
from profiles.access.querysets import user_totals
from profiles.api import reports
from profiles.api.answers import ApiError, unreadable
from profiles.api.conditions import Kind, find_field
from profiles.api.documents import ROW_FIELDS, milliseconds, row_document, user_document
from profiles.api.endpoint import DID, PERIOD, QUERY, SORTED_TABLE, TABLE, UID, Call, Endpoint, Parameter
from profiles.api.finding import asks_for_one, named_user, read_audience
from profiles.crashes.querysets import read_affecting
from profiles.directory import sorts
from profiles.directory.audience import Audience, count_users, users_of
from profiles.directory.columns import default_columns
from profiles.directory.export import Format, write_lines
from profiles.directory.filters.fields import CUSTOM
from profiles.directory.filters.tree import FilterError
from profiles.directory.querysets import ordered_keys
from profiles.directory.sorts import Sort
from profiles.users.models import AppUser

MOST_VALUES: Final = 1000  # of a breakdown
# By what iSortCol_0 sorts; Countly documents no numbers.
SORTS: Final[tuple[Sort, ...]] = (
    sorts.LAST_SEEN,
    sorts.NAME,
    sorts.SESSIONS,
    sorts.TIME_SPENT,
    sorts.EVENTS,
    sorts.FIRST_SEEN,
)
_FILES: Final = {"csv": Format.CSV, "json": Format.JSON_LINES, "jsonl": Format.JSON_LINES}


def user_details(call: Call) -> Any:
    """Answer what `calculate`, `uid` or `did`, `projectionKey` or none of them ask for."""
    calculate = call.parameters.text("calculate")
    if calculate:
        report = reports.REPORTS.get(calculate)
        if report is None:
            raise unreadable("calculate", f"it is one of {', '.join(reports.REPORTS)}")
        return report(call)
    if asks_for_one(call):
        user = named_user(call)
        return {} if user is None else user_document(call.app, user, call.now)
    if call.parameters.texts("projectionKey"):
        return _breakdown(call)
    return _file(call) if call.parameters.flag("exportToFile") else _list(call)


def _sort(call: Call) -> tuple[Sort, bool]:
    number = call.parameters.number("iSortCol_0", 0, most=len(SORTS) - 1)
    direction = call.parameters.text("sSortDir_0")
    sort = SORTS[number]
    return sort, sort.descends_first if direction not in {"asc", "desc"} else direction == "desc"


def _list(call: Call) -> dict[str, Any]:
    page, audience = call.parameters.page(), read_audience(call)
    sort, is_descending = _sort(call)
    visible = tuple("chr" if name == "chr-group" else name for name in call.parameters.texts("visibleColumns"))
    only_visible = call.parameters.flag("fetchOnlyVisibleColumns") and visible
    fields = visible if only_visible else (*ROW_FIELDS, *visible)
    with transaction.atomic():
        keys = ordered_keys(call.app, audience, sort, is_descending=is_descending, chunk=min(page.end + 1, 2000))
        ids = list(islice(keys, page.offset, page.end))
    users = AppUser.objects.select_related("activity", "engagement").in_bulk(ids)
    rows = [row_document(user_document(call.app, users[key], call.now), fields) for key in ids if key in users]
    return page.table(rows, user_totals(call.app).everybody, count_users(call.app, audience))


def _file(call: Call) -> StreamingHttpResponse:
    """Stream the list as the page's export does, with its right, its protection from formulas and its audit entry."""
    if not has_role(Role(call.app.viewer_role), Role.ANALYST):
        raise ApiError("User does not have right", 401)
    name = call.parameters.text("type", "csv")
    form = _FILES.get(name)
    if form is None:
        raise unreadable("type", f"it is one of {', '.join(_FILES)}")
    audience = read_audience(call)
    sort, is_descending = _sort(call)
    detail = {"users": count_users(call.app, audience), "through": "API"}
    audit.record(call.key.user, call.app, audit.Action.EXPORTED, "user list", detail, address=call.address)
    lines = write_lines(call.app, audience, default_columns(), sort, is_descending=is_descending, form=form)
    response = StreamingHttpResponse(lines, content_type=form.content_type)
    letters = (letter for letter in call.parameters.text("filename", "users") if letter.isalnum() or letter in "-_")
    filename = "".join(letters)[:80].encode("ascii", "ignore").decode() or "users"
    response["Content-Disposition"] = f'attachment; filename="{filename}.{form.value}"'
    return response


def _breakdown(call: Call) -> dict[str, Any]:
    key = call.parameters.texts("projectionKey")[0]
    try:
        asked = find_field(key)
    except FilterError as error:
        raise unreadable("projectionKey", str(error)) from None
    if not masking.current().shows(asked.name):
        raise unreadable("projectionKey", f"{key[:60]} is masked for your role")
    if asked.kind is Kind.CUSTOM:
        value: Any = KeyTextTransform(asked.name.removeprefix(CUSTOM), "custom")
    elif asked.kind is Kind.TEXT or asked.name == "birth_year":
        value = F(asked.name)
    else:
        raise unreadable("projectionKey", f"users cannot be counted by {key[:60]}")
    counted = (
        users_of(call.app, read_audience(call))
        .annotate(broken_down=value)
        .values_list("broken_down")
        .annotate(users=Count("id"))
        .order_by("-users", "broken_down")[:MOST_VALUES]
    )
    return {
        "sEcho": call.parameters.text("sEcho", "0"),
        "breakDownData": [{"_id": value, "sum": users} for value, users in counted],
        "projectionKey": key,
        "total": user_totals(call.app).everybody,
    }


def user_counts(call: Call) -> dict[str, int]:
    """Answer how many users there are; both numbers are exact."""
    totals = user_totals(call.app)
    return {"unidentified": totals.anonymous, "total": totals.everybody}


def user_crashes(call: Call) -> dict[str, Any]:
    """Answer which crash groups hit a user, the last one first."""
    if not call.parameters.text("uid"):
        raise ApiError("Please provide user uid")
    page = call.parameters.page()
    user = named_user(call)
    found = [] if user is None else read_affecting(user.id)
    rows = [
        {"group": one.group.public_id, "reports": one.count, "last": milliseconds(one.last_at)}
        for one in found[page.offset : page.end]
    ]
    if call.parameters.flag("fromExportAPI"):
        names = {one.group.public_id: one.group.title for one in found}
        rows = [row | {"group": names[str(row["group"])], "id": row["group"]} for row in rows]
    return page.table(rows, len(found))


LOYALTY: Final = (
    (1, 1, "1"),
    (2, 2, "2"),
    (3, 5, "3-5"),
    (6, 9, "6-9"),
    (10, 19, "10-19"),
    (20, 49, "20-49"),
    (50, 99, "50-99"),
    (100, 499, "100-499"),
    (500, None, "500+"),
)


def loyalty(call: Call) -> dict[str, Any]:
    """Answer how many users had how many sessions: of all, and of those seen in the last 7 and 30 days."""
    users = users_of(call.app, Audience(filter=read_audience(call).filter))
    return reports.loyalty(users, call.app, call.now, LOYALTY)


def consents(call: Call) -> dict[str, Any]:
    """Answer what users allowed, the last seen first. `lac` is in milliseconds."""
    page, audience = call.parameters.page(), read_audience(call)
    with transaction.atomic():
        keys = ordered_keys(call.app, audience, sorts.LAST_SEEN, is_descending=True, chunk=min(page.end + 1, 2000))
        ids = list(islice(keys, page.offset, page.end))
    users = AppUser.objects.select_related("activity").in_bulk(ids)
    rows = [
        {
            "did": user.device_id,
            "d": user.device,
            "av": user.app_version,
            "consent": user.consent,
            "lac": milliseconds(user.activity.last_seen_at),
            "uid": user.uid,
        }
        for key in ids
        if (user := users.get(key)) is not None
    ]
    return page.table(rows, count_users(call.app, audience))


_EXAMPLE_ROW: Final = {"_id": "5be1…", "uid": "17", "did": "dev-17", "name": "Mara Lind", "cc": "NO", "p": "Android"}

ENDPOINTS: Final = (
    Endpoint(
        "/o",
        "Users: a list, one profile, a breakdown, or what `calculate` names of one user",
        user_details,
        method="user_details",
        parameters=(
            UID,
            DID,
            QUERY,
            Parameter("filter", "Which half of the users.", choices=("user-known", "user-anonymous", "user-all")),
            *SORTED_TABLE,
            Parameter("visibleColumns", "JSON array of fields that rows hold too."),
            Parameter("fetchOnlyVisibleColumns", "Rows hold these fields alone.", "boolean"),
            Parameter("projectionKey", "Count users by this field: a name, or a JSON array of one."),
            Parameter("exportToFile", "Answer with a file. Needs an analyst.", "boolean"),
            Parameter("type", "Form of the file.", choices=tuple(_FILES)),
            Parameter("filename", "Name of the file."),
            Parameter("calculate", "What to answer of one user.", choices=tuple(reports.REPORTS)),
            *reports.PARAMETERS,
        ),
        example={"sEcho": "1", "iTotalRecords": 31, "iTotalDisplayRecords": 4, "aaData": [_EXAMPLE_ROW]},
    ),
    Endpoint(
        "/o",
        "How many users there are",
        user_counts,
        method="user_counts",
        example={"unidentified": 6, "total": 31},
    ),
    Endpoint(
        "/o",
        "Crash groups that hit a user",
        user_crashes,
        method="user_crashes",
        parameters=(UID, *TABLE, Parameter("fromExportAPI", "`group` becomes the name, `id` the id.", "boolean")),
        example={
            "sEcho": "1",
            "iTotalRecords": 1,
            "iTotalDisplayRecords": 1,
            "aaData": [{"group": "64f0…", "reports": 2, "last": 1770000000123}],
        },
    ),
    Endpoint(
        "/o/app_users/loyalty",
        "How many users had how many sessions",
        loyalty,
        parameters=(QUERY,),
        example={"all": [{"_id": "1", "count": 8, "index": 0}], "7days": [], "30days": []},
    ),
    Endpoint(
        "/o/app_users/consents",
        "What users allowed",
        consents,
        parameters=(QUERY, PERIOD, *TABLE),
        missing_app=ApiError('Missing parameter "app_id"'),
    ),
)
