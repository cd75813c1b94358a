"""What the filter of the user list can ask about crashes: whom a group hit, how often, in which version.

Read from what a group's page counts by, so that its number of affected users and the list's are the same.
"""

from typing import Any, Final

from django.db.models import Count, Q, Sum

from profiles.crashes.models import Crash, CrashGroup, CrashUser, CrashVersion
from profiles.directory.filters import kinds
from profiles.directory.filters.fields import Field, Scope, register
from profiles.directory.filters.kinds import Input, Operator, Values
from profiles.directory.filters.tree import Condition

FIELD: Final = "crash"
HIT, NOT_HIT, VERSION, NOT_VERSION = "hit", "not_hit", "in_version", "not_in_version"

CHOICES: Final = 200
_HIT_INPUTS: Final = (
    Input("Crash", "crash"),
    Input("times or more", "whole", "1"),
    Input("in version", is_optional=True),
    Input("in the last days (0: ever)", "whole", "0", is_optional=True),
)
_VERSION_INPUTS: Final = (Input("Version"),)

OPERATORS: Final = (
    Operator(HIT, "was hit by", _HIT_INPUTS),
    Operator(NOT_HIT, "was not hit by", _HIT_INPUTS),
    Operator(VERSION, "crashed in version", _VERSION_INPUTS),
    Operator(NOT_VERSION, "did not crash in version", _VERSION_INPUTS),
)


def hit_by(group: CrashGroup) -> Condition:
    """Return what finds the users whom a group hit."""
    return Condition(FIELD, HIT, (group.public_id, "1", "", "0"))


def _where(operator: str, values: Values, scope: Scope) -> Q:
    """Return the condition on the rows; a group that the app has not hit nobody. One query, for its number."""
    users = _crashed_in(values[0], scope) if operator in {VERSION, NOT_VERSION} else _hit(values, scope)
    found = Q(**{f"{scope.key}__in": users})
    return ~found if operator in {NOT_HIT, NOT_VERSION} else found


def _hit(values: Values, scope: Scope) -> Any:
    """Return the users whom a group hit. By CrashUser, one row or few each; by occurrences for a version or days."""
    public_id, times, version, days = (*values, "", "")[:4]
    members = _members(public_id, scope.app_id)
    if not version and days in {"", "0"}:
        rows: Any = CrashUser.objects.filter(group_id__in=members)
        if int(times) <= 1:
            return rows.values("user_id")
        return _at_least(rows, Sum("count"), times)
    crashes: Any = Crash.objects.filter(group_id__in=members)
    if version:
        crashes = crashes.filter(app_version=version)
    if days not in {"", "0"}:
        crashes = crashes.filter(occurred_at__gte=kinds.first_of(min(int(days), kinds.MOST_DAYS), scope.clock))
    return _at_least(crashes, Count("id"), times)


def _at_least(rows: Any, total: Any, times: str) -> Any:
    return rows.values("user_id").annotate(total=total).filter(total__gte=int(times)).values("user_id")


def _crashed_in(version: str, scope: Scope) -> Any:
    """Return the users who crashed in a version, found through the groups that struck in it."""
    groups = CrashVersion.objects.filter(app_version=version, group__app=scope.app_id).values("group_id")
    return Crash.objects.filter(group_id__in=groups, app_version=version).values("user_id")


def _members(public_id: str, app_id: int) -> list[int]:
    """Return the ids of the groups that are counted in one: of a merged one, in that which stands for it."""
    asked = CrashGroup.objects.filter(app=app_id, public_id=public_id).first()
    if asked is None:
        return []
    standing = asked.merged_into_id or asked.pk
    return list(CrashGroup.objects.filter(Q(pk=standing) | Q(merged_into=standing)).values_list("id", flat=True))


def _say(operator: Operator, values: Values, app_id: int) -> str:
    """Name the crash. One query."""
    if operator.name in {VERSION, NOT_VERSION}:
        return f"{operator.words} {values[0]}"
    public_id, times, version, days = (*values, "", "")[:4]
    title = CrashGroup.objects.filter(app=app_id, public_id=public_id).values_list("title", flat=True).first()
    text = f"{operator.words} a crash that is no more" if title is None else f"{operator.words} “{title[:80]}”"
    if times != "1":
        text += f" {times} or more times"
    if version:
        text += f" in version {version}"
    return text + (f" in the last {days} days" if days not in {"", "0"} else "")


def _choices(app_id: int) -> list[tuple[str, str]]:
    """Return the crashes that hit somebody lately, by title. One query, along the index of last seen."""
    groups = CrashGroup.objects.filter(app=app_id, merged_into=None).order_by("-last_seen_at", "-id")[:CHOICES]
    return [(group.public_id, f"{group.title[:80]} · {group.culprit[:60]}") for group in groups]


register(Field(FIELD, "Crash", "Behaviour", OPERATORS, _where, _say, _choices))
