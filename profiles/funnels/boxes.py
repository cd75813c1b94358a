"""What the box Funnels of a profile shows: how far the user got in each funnel, and why not further."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.timezone import get_current_timezone

from profiles.access.models import App
from profiles.funnels.matcher import FunnelRule, match
from profiles.funnels.models import Funnel
from profiles.funnels.querysets import JOURNEY_LIMIT, definitions, funnels_of, furthest, journey
from profiles.funnels.words import conditions_text, event_name, length_of, options_text
from profiles.users.models import AppUser

NOT_LATELY: Final = f"Not among the newest {JOURNEY_LIMIT:,} events of the steps that came after."


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step as its row shows it; `at` None: not completed, for the `reason` where one can be given."""

    position: int
    name: str
    conditions: str
    at: datetime | None
    gap: str
    reason: str


@dataclass(frozen=True, slots=True)
class FunnelCard:
    """One funnel of the user."""

    name: str
    url: str
    options: str
    steps: list[StepLine]
    reached: int
    is_complete: bool
    took: str
    """How long a complete attempt took; empty: it is not complete, or it has one step."""


@dataclass(frozen=True)
class FunnelsBox:
    """The app's funnels: those that the user is in, and those not started, in the order of the app."""

    started: list[FunnelCard]
    not_started: list[FunnelCard]
    is_cut: bool
    limit: int = JOURNEY_LIMIT

    @property
    def total(self) -> int:
        """How many funnels there are."""
        return len(self.started) + len(self.not_started)

    @property
    def completed(self) -> int:
        """How many of them are complete."""
        return sum(card.is_complete for card in self.started)


def funnels_box(app: App, user: AppUser, now: datetime) -> FunnelsBox:
    """Match every funnel of the app with what the user did: as of now, not as stored. Four queries.

    Of somebody who did more than is looked at, an attempt that got further before is shown as it was computed.
    """
    funnels = {funnel.pk: funnel for funnel in funnels_of([app.pk]).select_related(None)}
    wanted = definitions(funnels.values())
    if not wanted:
        return FunnelsBox([], [], is_cut=False)
    done, is_cut = journey(wanted, app.pk, user.id)
    before = furthest(user.id, list(funnels)) if is_cut else {}
    zone = get_current_timezone()
    cards = []
    for definition in wanted:
        funnel = funnels[definition.id]
        funnel.app = app
        found = match(definition.rule, done, now)
        reason = found.reason.text_in(zone) if found.reason else ""
        times = before.get(funnel.pk, [])
        if len(times) > found.steps_reached:
            reason = "" if len(times) == len(definition.rule.steps) else NOT_LATELY
        else:
            times = list(found.step_times)
        cards.append(_card(funnel, definition.rule, times, reason))
    return FunnelsBox([card for card in cards if card.reached], [card for card in cards if not card.reached], is_cut)


def _card(funnel: Funnel, rule: FunnelRule, times: Sequence[datetime], reason: str) -> FunnelCard:
    """Make a card of an attempt: when it passed its steps, and why not the next."""
    is_complete = len(times) == len(rule.steps)
    lines = [
        StepLine(
            position=index + 1,
            name=event_name(step.event_key),
            conditions=conditions_text(step),
            at=times[index] if index < len(times) else None,
            gap=f"{length_of(times[index] - times[index - 1])} later" if 0 < index < len(times) else "",
            reason=reason if index == len(times) else "",
        )
        for index, step in enumerate(rule.steps)
    ]
    return FunnelCard(
        name=funnel.name,
        url=funnel.get_absolute_url(),
        options=options_text(rule),
        steps=lines,
        reached=len(times),
        is_complete=is_complete,
        took=length_of(times[-1] - times[0]) if is_complete and len(times) > 1 else "",
    )
