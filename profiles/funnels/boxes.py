"""What the box Funnels of a profile shows: how far the user got in each funnel, and why not further."""

from dataclasses import dataclass
from datetime import datetime, tzinfo

from django.utils.timezone import get_current_timezone

from profiles.access.models import App
from profiles.funnels.matcher import FunnelRule, Match, match
from profiles.funnels.models import Funnel
from profiles.funnels.querysets import JOURNEY_LIMIT, definitions, funnels_of, journey
from profiles.funnels.words import conditions_text, event_name, length_of, options_text
from profiles.users.models import AppUser


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
    """Match every funnel of the app with what the user did: as of now, not as stored. Four queries."""
    funnels = {funnel.pk: funnel for funnel in funnels_of([app.pk])}
    wanted = definitions(funnels.values())
    if not wanted:
        return FunnelsBox([], [], is_cut=False)
    done, is_cut = journey(wanted, app.pk, user.id)
    zone = get_current_timezone()
    cards = []
    for definition in wanted:
        funnel = funnels[definition.id]
        funnel.app = app
        cards.append(_card(funnel, definition.rule, match(definition.rule, done, now), zone))
    return FunnelsBox([card for card in cards if card.reached], [card for card in cards if not card.reached], is_cut)


def _card(funnel: Funnel, rule: FunnelRule, found: Match, zone: tzinfo) -> FunnelCard:
    times, gaps = found.step_times, found.gaps
    lines = []
    for index, step in enumerate(rule.steps):
        gap = gaps[index] if index < len(gaps) else None
        is_next = index == found.steps_reached
        lines.append(
            StepLine(
                position=index + 1,
                name=event_name(step.event_key),
                conditions=conditions_text(step),
                at=times[index] if index < len(times) else None,
                gap="" if gap is None else f"{length_of(gap)} later",
                reason=found.reason.text_in(zone) if is_next and found.reason else "",
            )
        )
    return FunnelCard(
        name=funnel.name,
        url=funnel.get_absolute_url(),
        options=options_text(rule),
        steps=lines,
        reached=found.steps_reached,
        is_complete=found.is_complete,
        took=length_of(times[-1] - times[0]) if found.is_complete and len(times) > 1 else "",
    )
