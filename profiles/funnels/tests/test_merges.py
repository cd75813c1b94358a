"""Two users become one: their completions are those of the events that each has then, never patched."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from profiles.access.models import App
from profiles.activity.models import Stale
from profiles.funnels import services
from profiles.funnels.matcher import FunnelRule, daily_bests
from profiles.funnels.models import Funnel, FunnelCompletion
from profiles.funnels.querysets import definitions, journey, rule_of
from profiles.funnels.services import StepInput
from profiles.funnels.tests.test_sql import LIVES, RANDOM, live, nothing_stays
from profiles.identity.services import merge_by_hand
from profiles.tests.factories import make_app, make_person, make_user
from profiles.users.models import AppUser

pytestmark = pytest.mark.django_db

MERGED_AT = datetime(2026, 11, 20, tzinfo=UTC)


def make_funnels(app: App) -> list[Funnel]:
    funnels = []
    definitions_of: list[tuple[str, dict[str, Any]]] = [
        ("AB", {}),
        ("ABCA", {"window_seconds": 600}),
        ("ACB", {"is_same_session": True}),
    ]
    for keys, fields in definitions_of:
        funnel = Funnel(app=app, name=keys, **fields)
        services.create_funnel(funnel, [StepInput(key) for key in keys])
        funnels.append(Funnel.objects.get(pk=funnel.pk))
    return funnels


def stored() -> dict[tuple[Any, int, Any], list[datetime]]:
    rows = FunnelCompletion.objects.values_list("user_id", "funnel_id", "entered_on", "step_times")
    return {(user_id, funnel_id, on): times for user_id, funnel_id, on, times in rows}


def told_by_events(funnels: list[Funnel], users: list[AppUser]) -> dict[tuple[Any, int, Any], list[datetime]]:
    """Return what the oracle says of what each user has now."""
    told = {}
    for funnel in funnels:
        rule: FunnelRule = rule_of(funnel)
        for user in users:
            done, _ = journey(definitions([funnel]), user.app_id, user.id)
            for on, chain in daily_bests(rule, done, UTC).items():
                told[user.id, funnel.pk, on] = [occurrence.at for occurrence in chain]
    return told


def compute_marked() -> None:
    while services.refresh_stale():
        pass
    assert not Stale.objects.filter(kind=Stale.Kind.FUNNELS).exists()


@settings(RANDOM, max_examples=40)
@given(lives=st.tuples(LIVES, LIVES))
def test_completions_follow_a_merge(lives: tuple[list[Any], list[Any]]) -> None:
    with nothing_stays():
        app = make_app()
        funnels = make_funnels(app)
        one, other = (make_user(app, f"device-{number}") for number in range(2))
        for user, life in zip((one, other), lives, strict=True):
            live(user, life)
            services.recompute_users(app, [user.id])
        assert stored() == told_by_events(funnels, [one, other])
        merge_by_hand(survivor=one, absorbed=other, merged_by=make_person("alice"), now=MERGED_AT)
        compute_marked()
        assert stored() == told_by_events(funnels, [one, other])
        assert not FunnelCompletion.objects.filter(user_id=other.id).exists()
