"""Funnels: definitions, analysis, and how far one user got."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.http import QueryDict

from profiles.access import audit
from profiles.access.permissions import Role
from profiles.activity.segmentation import Operator
from profiles.api.answers import SUCCESS, ApiError, unreadable
from profiles.api.documents import (
    SAME_SESSION,
    SEGMENT,
    SEGMENT_OPERATORS,
    SESSION_INDEPENDENT,
    funnel_document,
    step_query,
)
from profiles.api.endpoint import PERIOD, QUERY, TABLE, UID, Call, Endpoint, Parameter
from profiles.api.finding import asked_filter, asked_period, must_name, named_user
from profiles.api.parameters import MOST_ROWS, parse_json
from profiles.directory.audience import Audience, users_of as users_of_audience
from profiles.directory.filters.tree import Group
from profiles.funnels import conditions, counting, services
from profiles.funnels.forms import FunnelForm, StepFormSet
from profiles.funnels.models import MAX_STEPS, Funnel, FunnelCompletion
from profiles.funnels.querysets import funnels_of
from profiles.funnels.report import Asked, Report
from profiles.funnels.spans import ALWAYS, Span

_MAY_REPEAT: Final = frozenset({"[CLY]_view", "[CLY]_session"})
_TYPES: Final = (SESSION_INDEPENDENT, SAME_SESSION)


# --- Definitions --------------------------------------------------------------------------------


def _find(call: Call, public_id: str) -> Funnel | None:
    funnel = funnels_of([call.app.pk]).filter(public_id=public_id).first()
    if funnel is not None:
        funnel.app = call.app
    return funnel


def get_funnels(call: Call) -> Any:
    """Answer the app's funnels: a bare array, or with `outputFormat=full` a table."""
    page = call.parameters.page()
    found = [funnel for funnel in funnels_of([call.app.pk]) if page.search.lower() in funnel.name.lower()]
    if call.parameters.text("group") == "fav":
        found = []  # nobody has favourites here
    rows = [funnel_document(funnel) for funnel in found]
    if call.parameters.text("outputFormat") != "full":
        return rows
    return page.table(rows[page.offset : page.end], len(rows)) | {"favTotal": [{"value": 0}]}


def get_funnel(call: Call) -> dict[str, Any]:
    """Answer one funnel."""
    funnel = _find(call, must_name(call, "funnel"))
    return {} if funnel is None else funnel_document(funnel)


def add(call: Call) -> dict[str, str]:
    """Define a funnel, and answer its id; it is computed over all history in the background."""
    parameters = call.parameters
    given = {name: parameters.values.get(name) for name in ("funnel_name", "funnel_desc", "funnel_type", "steps")}
    if not given["funnel_name"] or not given["steps"]:
        raise ApiError("Not enough args")
    funnel = Funnel(app=call.app, name="")
    _define(funnel, given | {"queries": parameters.values.get("queries")}, is_new=True)
    _record(call, funnel, "created")
    return {"result": funnel.public_id}


def edit(call: Call) -> dict[str, str]:
    """Change funnels; what is not named stays."""
    asked = call.parameters.object("funnel_map")
    if not asked or not all(isinstance(given, dict) for given in asked.values()):
        raise ApiError("Not enough args")
    funnels = {public_id: _find(call, public_id) for public_id in asked}
    if None in funnels.values():
        raise ApiError("Funnel does not exist", 404)
    for public_id, funnel in funnels.items():
        if funnel is not None:
            _change(call, funnel, asked[public_id])
    return SUCCESS


def _change(call: Call, funnel: Funnel, given: Mapping[str, Any]) -> None:
    order = given.get("order")
    if isinstance(order, int) and not isinstance(order, bool):
        funnel.position = max(0, min(order, 32_767))
    stored = funnel_document(funnel)
    present = {
        "funnel_name": stored["name"],
        "funnel_desc": stored["description"],
        "funnel_type": stored["type"],
        "steps": stored["steps"],
        "queries": stored["queries"],
    }
    if "steps" in given:
        present["queries"] = []
    _define(funnel, present | dict(given), is_new=False)
    _record(call, funnel, "changed")


def delete(call: Call) -> dict[str, str]:
    """Delete a funnel; what was computed for it is forgotten in the background."""
    public_id = call.parameters.text("funnel_id")
    if not public_id:
        raise ApiError("Not enough args")
    funnel = _find(call, public_id)
    if funnel is None:
        raise ApiError("Funnel does not exist", 404)
    _record(call, funnel, "deleted")
    funnel.delete()
    return SUCCESS


def _record(call: Call, funnel: Funnel, deed: str) -> None:
    subject = f"funnel {funnel.name}"
    audit.record(
        call.key.user, call.app, audit.Action.EDITED, subject, {deed: True, "through": "API"}, address=call.address
    )


def _define(funnel: Funnel, given: Mapping[str, Any], *, is_new: bool) -> None:
    """Check a definition by the page's forms, and store it."""
    type_ = given.get("funnel_type") or SESSION_INDEPENDENT
    if type_ not in _TYPES:
        raise unreadable("funnel_type", f"it is one of {', '.join(_TYPES)}")
    keys = _list("steps", given.get("steps"))
    if not all(isinstance(key, str) for key in keys):
        raise unreadable("steps", "it is no array of event keys")
    once = [key for key in keys if key not in _MAY_REPEAT]
    if len(once) != len(set(once)):
        raise ApiError("Duplicate events in steps are not allowed")
    queries = _list("queries", given.get("queries"))
    written = {
        "name": str(given.get("funnel_name") or ""),
        "description": str(given.get("funnel_desc") or ""),
        "window": funnel.window_seconds or "",
        "unit": "seconds",
        "form-TOTAL_FORMS": len(keys),
        "form-INITIAL_FORMS": 0,
    }
    if type_ == SAME_SESSION:
        written["is_same_session"] = "on"
    for number, key in enumerate(keys):
        written[f"form-{number}-event_key"] = key
        query = queries[number] if number < len(queries) else {}
        for place, (name, operator, value) in enumerate(_conditions(query)):
            written |= {
                f"form-{number}-name{place}": name,
                f"form-{number}-operator{place}": operator,
                f"form-{number}-value{place}": value,
            }
    data = QueryDict(mutable=True)
    for name, value in written.items():
        data[name] = str(value)
    form, steps = FunnelForm(data, instance=funnel), StepFormSet(data)
    if not (form.is_valid() and steps.is_valid()) or len(keys) > MAX_STEPS:
        raise ApiError(_first_error(form, steps))
    if is_new:
        services.create_funnel(funnel, steps.steps)
    else:
        services.change_funnel(funnel, steps.steps)


def _first_error(form: FunnelForm, steps: Any) -> str:
    texts = [f"{name}: {error}" for name, errors in form.errors.items() for error in errors]
    texts += [str(error) for error in steps.non_form_errors()]
    texts += [str(error) for step in steps.errors for errors in step.values() for error in errors]
    return texts[0] if texts else f"A funnel has {MAX_STEPS} steps at most"


def _list(name: str, value: Any) -> list[Any]:
    value = parse_json(name, value) if isinstance(value, str) and value else value
    if value is None or value == "":
        return []
    if not isinstance(value, list):
        raise unreadable(name, "it is no array")
    return value


def _conditions(query: Any) -> Sequence[tuple[str, str, Any]]:
    """Return (name, operator, value) of what a step's query asks of the event's segmentation."""
    query = parse_json("queries", query) if isinstance(query, str) and query else query or {}
    if not isinstance(query, dict):
        raise unreadable("queries", "a query is an object")
    found = []
    for path, asked in query.items():
        if not path.startswith(SEGMENT):
            raise unreadable("queries", f"only {SEGMENT}* can be asked, not {path[:60]}")
        for name, value in (asked if isinstance(asked, dict) else {"$eq": asked}).items():
            if name == "$in" and isinstance(value, list) and len(value) == 1:
                name, value = "$eq", value[0]
            operator = SEGMENT_OPERATORS.get(name)
            if operator is None:
                raise unreadable("queries", f"there is no operator {name[:40]}")
            if isinstance(value, dict | list) or (operator is Operator.IS_SET and value is not True):
                raise unreadable("queries", f"{name} cannot ask this")
            text = str(value).lower() if isinstance(value, bool) else value
            found.append((path.removeprefix(SEGMENT), operator.value, "" if operator is Operator.IS_SET else text))
    if len(found) > 3:
        raise unreadable("queries", "a step has 3 conditions at most")
    return found


# --- Analysis -----------------------------------------------------------------------------------


def funnel(call: Call) -> Any:
    """Answer how many users reach each step; or, asked for `users_for_step`, who they are."""
    found = _find(call, must_name(call, "funnel"))
    if found is None:
        raise ApiError("Requested funnel does not exist")
    period = asked_period(call)
    span = ALWAYS if period is None else Span(period.first, period.last)
    chosen = asked_filter(call, call.parameters.object("filter"))
    steps = list(found.steps.all())
    if call.parameters.text("users_for_step") or call.parameters.text("users_between_steps"):
        return _users(call, found, span, chosen, len(steps))
    counted = counting.counted(found, Asked(span, chosen), call.now)
    if counted.report is None:
        return {"task_id": found.public_id, "result": "It is being counted. Ask again in some seconds."}
    return _analysis(counted.report, found) | {"echo": call.parameters.text("echo")}


def _users(call: Call, found: Funnel, span: Span, chosen: Group, steps: int) -> list[str]:
    """Return the uids of who reached a step, or who reached the one and not the other; steps are counted from 0."""
    between = call.parameters.text("users_between_steps")
    if between:
        first = between.partition("|")[0]
        operator = conditions.DROPPED
    else:
        first = call.parameters.text("users_for_step")
        operator = conditions.REACHED
    if not first.isdigit() or int(first) >= steps:
        raise unreadable("users_for_step", f"it is a number from 0 to {steps - 1}")
    condition = conditions.condition(operator, found, span, int(first) + 1)
    audience = Audience(filter=Group((condition, *chosen.members)) if not chosen.is_any else Group((condition, chosen)))
    page = call.parameters.page()
    users = users_of_audience(call.app, audience).order_by("id").values_list("uid", flat=True)
    return list(users[page.offset : page.offset + MOST_ROWS])


def _analysis(report: Report, found: Funnel) -> dict[str, Any]:
    """Write a report as Countly does: percentages are of all users, `…Entered` of those at the first step.

    `averageTimeSpend` is the median of the seconds until the next step. A user counts once, so `times` is `users`.
    """
    total = report.population
    steps = []
    before = 100.0
    for index, (step, counted) in enumerate(zip(found.steps.all(), report.steps, strict=True)):
        percent = _percent(counted.users, total)
        entered = _percent(counted.users, report.entered)
        following = report.steps[index + 1].median_gap if index + 1 < len(report.steps) else None
        steps.append(
            {
                "step": step.event_key,
                "query": step_query(step),
                "users": counted.users,
                "times": counted.users,
                "percent": percent,
                "percentLeft": round(before - percent, 2),
                "percentUserEntered": entered,
                "percentLeftUserEntered": round(100 - entered, 2),
                "averageTimeSpend": 0 if following is None else round(following.total_seconds()),
            }
        )
        before = percent
    return {
        "total_users": total,
        "users_in_first_step": report.entered,
        "success_users": report.completed,
        "success_rate": _percent(report.completed, total),
        "steps": steps,
    }


def _percent(part: int, whole: int) -> float:
    return round(part / whole * 100, 2) if whole else 0.0


def user_funnels(call: Call) -> list[dict[str, Any]]:
    """Answer the funnels that a user entered, and how many steps are passed."""
    user = named_user(call)
    if user is None:
        return []
    period = asked_period(call)
    rows = FunnelCompletion.objects.filter(user_id=user.id)
    if period is not None:
        rows = rows.filter(entered_on__gte=period.first, entered_on__lte=period.last)
    reached: dict[int, int] = {}
    for funnel_id, steps_reached in rows.values_list("funnel_id", "steps_reached"):
        reached[funnel_id] = max(steps_reached, reached.get(funnel_id, 0))
    return [_journey(one, reached[one.pk]) for one in funnels_of([call.app.pk]) if reached.get(one.pk)]


def _journey(one: Funnel, reached: int) -> dict[str, Any]:
    keys = [step.event_key for step in one.steps.all()]
    is_complete = int(reached >= len(keys))
    return {
        "_id": one.public_id,
        "name": one.name,
        "steps": keys,
        "step": reached,
        "data": {
            "total_users": 1,
            "success_users": is_complete,
            "success_rate": 100 * is_complete,
            "steps": [{"step": key, "users": int(place < reached)} for place, key in enumerate(keys)],
        },
    }


_FUNNEL: Final = Parameter("funnel", "A funnel's id.", is_required=True)
_EXAMPLE: Final = {"_id": "ab12…", "name": "Buy", "type": SESSION_INDEPENDENT, "steps": ["view_item", "buy"]}

ENDPOINTS: Final = (
    Endpoint(
        "/o",
        "The app's funnels",
        get_funnels,
        method="get_funnels",
        parameters=(
            Parameter("outputFormat", "Form of the answer.", choices=("rows", "full")),
            Parameter("group", "fav: only favourites, of which there are none."),
            *TABLE,
        ),
        example=[_EXAMPLE],
    ),
    Endpoint("/o", "One funnel", get_funnel, method="get_funnel", parameters=(_FUNNEL,), example=_EXAMPLE),
    Endpoint(
        "/o",
        "How many users reach each step of a funnel",
        funnel,
        method="funnel",
        parameters=(
            _FUNNEL,
            PERIOD,
            Parameter("filter", QUERY.description),
            Parameter("users_for_step", "Answer the uids of who reached this step, counted from 0.", "integer"),
            Parameter("users_between_steps", "0|1: the uids of who reached the first and not the second."),
            Parameter("echo", "Comes back as it was sent."),
        ),
        example={"total_users": 40, "users_in_first_step": 30, "success_users": 9, "success_rate": 22.5, "steps": []},
    ),
    Endpoint(
        "/o",
        "How far a user got in each funnel",
        user_funnels,
        method="user_funnels",
        parameters=(UID, PERIOD),
        example=[{"_id": "ab12…", "name": "Buy", "steps": ["view_item", "buy"], "step": 1}],
    ),
    Endpoint(
        "/i/funnels/add",
        "Define a funnel",
        add,
        role=Role.ANALYST,
        writes=True,
        parameters=(
            Parameter("funnel_name", "Name.", is_required=True),
            Parameter("funnel_desc", "Description."),
            Parameter("funnel_type", "Whether all steps lie in one session.", choices=_TYPES),
            Parameter("steps", "JSON array of event keys, 2 to 8.", is_required=True),
            Parameter("queries", "JSON array: of each step, what `sg.*` of the event must say."),
        ),
        example={"result": "ab12…"},
    ),
    Endpoint(
        "/i/funnels/edit",
        "Change funnels",
        edit,
        role=Role.ANALYST,
        writes=True,
        parameters=(Parameter("funnel_map", "JSON: {id: {funnel_name, …, steps, queries}}.", is_required=True),),
        example=SUCCESS,
    ),
    Endpoint(
        "/i/funnels/delete",
        "Delete a funnel",
        delete,
        role=Role.ANALYST,
        writes=True,
        parameters=(Parameter("funnel_id", "A funnel's id.", is_required=True),),
        example=SUCCESS,
    ),
)
