"""What the box Engagement of a profile shows: the score, what it is made of, and what becomes of it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from profiles.access.models import App
from profiles.activity.querysets import daily_totals
from profiles.engagement.history import Day, Point, history
from profiles.engagement.querysets import Rank, rank_of
from profiles.engagement.score import MAX_SCORE, RULE, WINDOW_DAYS, Factor, changes_on, engagement
from profiles.users.models import AppUser, UserActivity

HISTORY_DAYS: Final = 90
# The line is drawn in a field of this size, one step a day.
LINE_HEIGHT: Final = 30
_AIR: Final = 1.5  # so that the stroke is not cut at the top and at the ground


@dataclass(frozen=True, slots=True)
class FactorLine:
    """A factor as its row shows it."""

    label: str
    value: str
    share: float
    text: str


@dataclass(frozen=True)
class EngagementBox:
    """A user's engagement as of now."""

    percent: str
    share: float
    """Of the gauge, 0 to 1."""
    score: str
    max_score: int
    factors: list[FactorLine]
    sentence: str
    rule: str
    rank: str
    """Empty: there is nobody to compare with, or the app's distribution is still to come."""
    rank_counted_at: datetime | None
    """Of an app of many users; None: counted now."""
    falls_on: date | None
    line: str
    line_ground: str
    line_days: int
    highest: str
    history: list[Point]

    @property
    def gauge(self) -> str:
        """How much of the arc's length of 100 is drawn."""
        return f"{self.share * 100:.1f}"

    @property
    def line_label(self) -> str:
        """The line in words."""
        return f"Engagement on the last {self.line_days} days: now {self.percent}, at most {self.highest}."


def engagement_box(app: App, user: AppUser, now: datetime) -> EngagementBox:
    """Compute the score from the totals, so that it is right at any moment. Four queries."""
    today = now.astimezone(ZoneInfo(app.timezone)).date()
    totals = UserActivity.objects.filter(user=user).first() or UserActivity(user=user)
    days = [
        Day(on, sessions, seconds)
        for on, sessions, events, seconds in daily_totals(user.id, limit=HISTORY_DAYS + WINDOW_DAYS)
        if on <= today and (sessions or events)
    ]
    sessions_by_day = {day.on: day.sessions for day in days}
    parts = engagement(totals.total_seconds, totals.sessions_count, sessions_by_day, today)
    points = history(totals.total_seconds, totals.sessions_count, days, today, HISTORY_DAYS)
    top = max(point.score for point in points)
    line = _line(points, top)
    rank = rank_of(app, parts.score)
    return EngagementBox(
        percent=parts.percent_text,
        share=parts.score / MAX_SCORE,
        score=_plain(parts.score),
        max_score=MAX_SCORE,
        factors=_lines(parts.factors),
        sentence=parts.explain()[-1],
        rule=RULE,
        rank=_rank(rank),
        rank_counted_at=rank.counted_at if rank else None,
        falls_on=changes_on(totals.total_seconds, totals.sessions_count, sessions_by_day, today),
        line=line,
        line_ground=f"{line}V{LINE_HEIGHT}H0Z",
        line_days=HISTORY_DAYS,
        highest=f"{top / MAX_SCORE * 100:.1f}".removesuffix(".0") + "%",
        history=points,
    )


def _lines(factors: tuple[Factor, Factor, Factor]) -> list[FactorLine]:
    length, sessions, days = factors
    return [
        FactorLine("Average session", f"{_plain(length.value)} of {length.cap} min", length.share, length.text),
        FactorLine(
            f"Sessions, {WINDOW_DAYS} days", f"{sessions.value} of {sessions.cap}", sessions.share, sessions.text
        ),
        FactorLine(f"Days of use, {WINDOW_DAYS} days", f"{days.value} of {days.cap}", days.share, days.text),
    ]


def _rank(rank: Rank | None) -> str:
    """Say how many have less, rounded down, so that it never says too much."""
    if rank is None:
        return ""
    return "the highest of all users" if rank.share == 1 else f"higher than {int(rank.share * 100)}% of users"


def _line(points: list[Point], top: float) -> str:
    """Return the path of the scores in steps: a score holds all day."""
    room = LINE_HEIGHT - 2 * _AIR
    heights = [round(LINE_HEIGHT - _AIR - (point.score / top * room if top else 0), 1) for point in points]
    parts = [f"M0 {heights[0]:g}"]
    for position, height in enumerate(heights):
        if position and height != heights[position - 1]:
            parts.append(f"H{position}V{height:g}")
    return "".join([*parts, f"H{len(points)}"])


def _plain(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
