"""How funnels read on screen: steps, gaps, options."""

from datetime import timedelta
from typing import Final

from profiles.activity import happenings
from profiles.funnels.matcher import FunnelRule, Step
from profiles.wording import duration

SESSION: Final = "[CLY]_session"
CRASH: Final = "[CLY]_crash"


def event_name(event_key: str) -> str:
    """Return an event key as it reads, without the names that only the SDK knows."""
    if event_key == SESSION:
        return "Session started"
    if event_key == CRASH:
        return "Crash"
    return happenings.event_name(event_key, None)[1]


def conditions_text(step: Step) -> str:
    """Return what a step's segmentation must say, in words; empty: nothing."""
    return " and ".join(condition.text for condition in step.conditions)


def length_of(span: timedelta) -> str:
    """Say a length of time with its two largest units, days from one day on."""
    if span < timedelta(days=1):
        return duration(span.total_seconds())
    hours = span.seconds // 3600
    return f"{span.days} d {hours} h" if hours else f"{span.days} d"


def options_text(rule: FunnelRule) -> str:
    """Say what else an attempt must keep to."""
    parts = []
    if rule.window is not None:
        parts.append(f"within {length_of(rule.window).removesuffix(' 00 s').removesuffix(' 00 m')}")
    if rule.same_session:
        parts.append("in one session")
    return ", ".join(parts)
