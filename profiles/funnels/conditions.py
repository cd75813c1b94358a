"""What the filter of the user list can ask about funnels: how far somebody got in the attempts of some days.

Read from the completions, as a report is, so that a number and the users behind it are the same.
"""

from datetime import date
from typing import Final

from django.db.models import Exists, OuterRef, Q

from profiles.directory.filters.fields import Field, Scope, register
from profiles.directory.filters.kinds import Input, Operator, Values
from profiles.directory.filters.tree import Condition
from profiles.funnels.models import MAX_STEPS, Funnel
from profiles.funnels.querysets import completions
from profiles.funnels.spans import Span
from profiles.funnels.words import event_name

FIELD: Final = "funnel"
REACHED, DROPPED, COMPLETED, NOT_COMPLETED, NOT_ENTERED = (
    "reached",
    "dropped",
    "completed",
    "not_completed",
    "not_entered",
)

_FUNNEL: Final = Input("Funnel", "funnel")
_STEP: Final = Input("Step", "whole", "1")
_DAYS: Final = (
    Input("begun from", "date", is_optional=True),
    Input("begun until", "date", is_optional=True),
)

OPERATORS: Final = (
    Operator(REACHED, "reached step", (_FUNNEL, _STEP, *_DAYS)),
    Operator(DROPPED, "went no further than step", (_FUNNEL, _STEP, *_DAYS)),
    Operator(COMPLETED, "completed", (_FUNNEL, *_DAYS)),
    Operator(NOT_COMPLETED, "entered and did not complete", (_FUNNEL, *_DAYS)),
    Operator(NOT_ENTERED, "did not enter", (_FUNNEL, *_DAYS)),
)


def condition(operator: str, funnel: Funnel, span: Span, step: int | None = None) -> Condition:
    """Return what finds these users of a funnel in the list; with a step where the operator wants one."""
    values = [funnel.public_id, *([] if step is None else [str(step)])]
    days = ["" if on is None else on.isoformat() for on in (span.first, span.last)]
    return Condition(FIELD, operator, (*values, *days) if any(days) else tuple(values))


def _parts(operator: str, values: Values) -> tuple[str, int | None, Span]:
    public_id, *rest = values
    step = min(max(int(rest.pop(0)), 1), MAX_STEPS + 1) if operator in {REACHED, DROPPED} else None
    first, last = (date.fromisoformat(text) if text else None for text in (*rest, "", "")[:2])
    return public_id, step, Span(first, last)


def _where(operator: str, values: Values, scope: Scope) -> Q:
    """Return the condition on the rows; a funnel that the app has not finds nobody. One query, for its number.

    EXISTS, which the database turns into a join from whichever side is the smaller.
    """
    public_id, step, span = _parts(operator, values)
    funnel = Funnel.objects.filter(app=scope.app_id, public_id=public_id).prefetch_related("steps").first()
    if funnel is None:
        return Q(**{f"{scope.key}__in": []})
    attempts = completions(funnel.pk, span).filter(user_id=OuterRef(scope.key))

    def reached(least: int) -> Q:
        return Q(Exists(attempts.filter(steps_reached__gte=least)))

    match operator:
        case "reached":
            return reached(step or 1)
        case "dropped":
            return reached(step or 1) & ~reached((step or 1) + 1)
        case "completed":
            return reached(len(funnel.steps.all()))
        case "not_completed":
            return reached(1) & ~reached(len(funnel.steps.all()))
        case _:
            return ~reached(1)


def _say(operator: Operator, values: Values, app_id: int) -> str:
    """Name the funnel and the step. Two queries."""
    public_id, step, span = _parts(operator.name, values)
    funnel = Funnel.objects.filter(app=app_id, public_id=public_id).prefetch_related("steps").first()
    if funnel is None:
        return "funnel that is no more"
    text = f"{operator.words} “{funnel.name}”"
    if step is not None:
        keys = [one.event_key for one in funnel.steps.all()]
        name = f" ({event_name(keys[step - 1])})" if 1 <= step <= len(keys) else ""
        text = f"{operator.words} {step}{name} of “{funnel.name}”"
    if span.first and span.last:
        return f"{text}, begun {span.first} to {span.last}"
    if span.first:
        return f"{text}, begun since {span.first}"
    return f"{text}, begun until {span.last}" if span.last else text


def _choices(app_id: int) -> list[tuple[str, str]]:
    """Return the app's funnels by name. One query."""
    return list(Funnel.objects.filter(app=app_id).order_by("name", "id").values_list("public_id", "name"))


register(Field(FIELD, "Funnel", "Behaviour", OPERATORS, _where, _say, _choices))
