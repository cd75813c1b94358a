"""What the page of a report shows: each number with the users behind it, as an address of the user list."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.urls import reverse

from profiles.directory.filters import tree
from profiles.directory.filters.fields import checked, in_words
from profiles.directory.filters.tree import EVERYBODY, FilterError, Group
from profiles.funnels import conditions
from profiles.funnels.charts import Chart, draw
from profiles.funnels.conditions import COMPLETED, DROPPED, NOT_COMPLETED, NOT_ENTERED, REACHED
from profiles.funnels.counting import Counted, counted
from profiles.funnels.matcher import FunnelRule
from profiles.funnels.models import Funnel
from profiles.funnels.querysets import rule_of
from profiles.funnels.report import Asked, Report, StepReport
from profiles.funnels.spans import ALWAYS, Span
from profiles.funnels.words import conditions_text, event_name, length_of, options_text
from profiles.wording import Clock, day

PRESETS: Final = (7, 30, 90)


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """What the address of a report asks: days (the last so many, or from and until), filter. A wrong value is none."""

    days: int | None = None
    span: Span = ALWAYS
    chosen: Group = EVERYBODY
    filter_error: str = ""

    @classmethod
    def read(cls, parameters: Mapping[str, Any], today: date) -> "ReportQuery":
        """Read the parameters of an address."""
        days = str(parameters.get("days", ""))
        chosen, error = _read_filter(str(parameters.get("filter", "")))
        if days.isascii() and days.isdigit() and 0 < int(days[:6]) <= 3650:
            number = int(days)
            return cls(number, Span(today - timedelta(days=number - 1), None), chosen, error)
        first, last = (_read_day(str(parameters.get(name, ""))) for name in ("from", "until"))
        if first and last and first > last:
            first, last = last, first
        return cls(None, Span(first, last), chosen, error)

    def query_string(self, **changes: Any) -> str:
        """Write the address, changed as said: `days`, `span`, `chosen`."""
        days = changes.get("days", None if "span" in changes else self.days)
        span = changes.get("span", ALWAYS if "days" in changes else self.span)
        chosen = changes.get("chosen", self.chosen)
        pairs: list[tuple[str, str | int]] = []
        if days:
            pairs.append(("days", days))
        else:
            pairs += [(name, on.isoformat()) for name, on in (("from", span.first), ("until", span.last)) if on]
        if chosen:
            pairs.append(("filter", tree.write(chosen)))
        return urlencode(pairs, safe="(),:!")


def _read_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _read_filter(text: str) -> tuple[Group, str]:
    try:
        return checked(tree.read(text)), ""
    except FilterError as error:
        return EVERYBODY, str(error)


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step as the report shows it; the addresses are those of the users behind the numbers."""

    report: StepReport
    name: str
    conditions: str
    gap: str
    is_largest_drop: bool
    users_url: str
    dropped_url: str


@dataclass(frozen=True, slots=True)
class TrendRow:
    """A bucket of the trend."""

    label: str
    entered: int
    completed: int
    conversion: float | None
    entered_url: str
    completed_url: str


@dataclass(frozen=True)
class Numbers:
    """The numbers of a report with their addresses."""

    report: Report
    rows: list[StepRow]
    entered_url: str
    completed_url: str
    not_completed_url: str
    not_entered_url: str
    trend: list[TrendRow]
    chart: Chart | None

    @property
    def newest_trend(self) -> list[TrendRow]:
        """The trend as a table reads: the newest first."""
        return self.trend[::-1]


@dataclass(frozen=True)
class ReportPage:
    """A report with all that stands around it."""

    url: str
    own_url: str
    query: ReportQuery
    options: str
    days_text: str
    presets: list[tuple[str, str, bool]]
    """Label, address, whether it is this one."""
    chips: list[tuple[str, str]]
    """Each part of the filter in words, and the report without it."""
    filter_text: str
    counted: Counted
    numbers: Numbers | None


def report_page(funnel: Funnel, query: ReportQuery, clock: Clock) -> ReportPage:
    """Make the page of a report."""
    found = counted(funnel, Asked(query.span, query.chosen), clock.now)
    rule = rule_of(funnel)
    url = reverse("funnels:funnel", args=[funnel.app.public_id, funnel.public_id])
    return ReportPage(
        url=url,
        own_url=_address(url, query.query_string()),
        query=query,
        options=options_text(rule),
        days_text=_days_text(query, clock),
        presets=[
            ("All time", _address(url, query.query_string(days=None)), query.days is None and query.span == ALWAYS),
            *((f"{n} days", _address(url, query.query_string(days=n)), query.days == n) for n in PRESETS),
        ],
        chips=_chips(funnel, query, url),
        filter_text=tree.write(query.chosen),
        counted=found,
        numbers=None if found.report is None else _numbers(found.report, rule, _Links(funnel, query), clock),
    )


@dataclass(frozen=True, slots=True)
class _Links:
    """Makes the addresses of the users behind the numbers of one report."""

    funnel: Funnel
    query: ReportQuery

    def users(self, operator: str, step: int | None = None, span: Span | None = None) -> str:
        """Return the address of the list of users, in the days of the report or in others."""
        found = conditions.condition(operator, self.funnel, span or self.query.span, step)
        query = urlencode({"filter": tree.write(self.query.chosen.with_condition(found))}, safe="(),:!")
        return f"{reverse('directory:users', args=[self.funnel.app.public_id])}?{query}"


def _numbers(report: Report, rule: FunnelRule, links: _Links, clock: Clock) -> Numbers:
    largest = max((step.dropped for step in report.steps), default=0)
    trend = [
        TrendRow(
            label=_bucket_label(column.span, clock),
            entered=column.entered,
            completed=column.completed,
            conversion=column.conversion,
            entered_url=links.users(REACHED, 1, column.span),
            completed_url=links.users(COMPLETED, None, column.span),
        )
        for column in report.trend
    ]
    return Numbers(
        report=report,
        rows=[
            StepRow(
                report=numbers,
                name=event_name(step.event_key),
                conditions=conditions_text(step),
                gap="" if numbers.median_gap is None else length_of(numbers.median_gap),
                is_largest_drop=bool(largest) and numbers.dropped == largest,
                users_url=links.users(REACHED, numbers.position),
                dropped_url=links.users(DROPPED, numbers.position - 1) if numbers.position > 1 else "",
            )
            for step, numbers in zip(rule.steps, report.steps, strict=True)
        ],
        entered_url=links.users(REACHED, 1),
        completed_url=links.users(COMPLETED),
        not_completed_url=links.users(NOT_COMPLETED),
        not_entered_url=links.users(NOT_ENTERED),
        trend=trend,
        chart=draw([(row.entered, row.completed, row.label, row.entered_url) for row in trend]),
    )


def _address(url: str, query: str) -> str:
    return f"{url}?{query}" if query else url


def _chips(funnel: Funnel, query: ReportQuery, url: str) -> list[tuple[str, str]]:
    parts = Group((query.chosen,)) if query.chosen.is_any else query.chosen
    return [
        (in_words(part, funnel.app_id), _address(url, query.query_string(chosen=parts.without(index))))
        for index, part in enumerate(parts.members)
    ]


def _days_text(query: ReportQuery, clock: Clock) -> str:
    if query.days:
        return f"the last {query.days} days" if query.days > 1 else "today"
    first, last = query.span.first, query.span.last
    if first and last:
        return f"{day(first, clock)} to {day(last, clock)}"
    if first:
        return f"{day(first, clock)} until now"
    return f"everything until {day(last, clock)}" if last else "all history"


def _bucket_label(span: Span, clock: Clock) -> str:
    if span.first is None or span.last is None or span.first == span.last:
        return day(span.first or clock.today, clock)
    return f"{day(span.first, clock)} – {day(span.last, clock)}"
