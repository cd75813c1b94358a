"""The box Affected crashes: what hit a user, and whether it still can."""

from datetime import UTC, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test.utils import CaptureQueriesContext

from profiles.access.models import App
from profiles.crashes.boxes import CRASHES_AT_ONCE, Standing, affected_crashes_box, standing
from profiles.crashes.handling import hide
from profiles.crashes.models import CrashGroup
from profiles.crashes.services import record
from profiles.crashes.tests.conftest import NOW, OTHER, Make
from profiles.tests.factories import make_user
from profiles.users.models import AppUser
from profiles.wording import Clock


@pytest.fixture
def someone(app: App) -> AppUser:
    return make_user(app, "alices-phone", app_version="1.2")


def test_it_lists_the_last_one_first(app: App, someone: AppUser, occurrence: Make) -> None:
    record(
        [
            occurrence(at=NOW - timedelta(days=1), version="1.0"),
            occurrence(at=NOW - timedelta(days=2), version="0.9", sent_by=UUID(int=5)),
            occurrence(OTHER, version="1.2"),
            occurrence(OTHER, of=UUID(int=9), version="1.3"),
        ]
    )
    box = affected_crashes_box(app, someone, NOW)
    assert [(c.group.culprit, c.count, c.count_text, c.last_at, c.version) for c in box.crashes] == [
        ("Cart.first", 1, "once", NOW, "1.2"),
        ("CheckoutFragment.onPay", 2, "twice", NOW - timedelta(days=1), "1.0"),
    ]
    assert box.total == 3


def test_it_leaves_out_what_is_hidden(app: App, someone: AppUser, occurrence: Make) -> None:
    record([occurrence()])
    hide(group=CrashGroup.objects.get())
    assert affected_crashes_box(app, someone, NOW).crashes == []


@pytest.mark.parametrize(
    ("state", "resolved", "latest", "hit", "now", "expected"),
    [
        ("open", "", "1.2", "1.0", "1.0", Standing.AFFECTED),
        ("open", "", "1.2", "1.0", "1.2", Standing.AFFECTED),
        ("open", "", "1.2", "1.0", "1.3", Standing.UPDATED),
        ("reoccurred", "1.1", "1.3", "1.0", "1.2", Standing.AFFECTED),
        ("resolved", "1.2", "1.2", "1.0", "1.2", Standing.AFFECTED),
        ("resolved", "1.2", "1.2", "1.0", "1.10", Standing.FIXED),
        ("open", "", "", "", "", Standing.AFFECTED),
    ],
)
def test_it_says_whether_it_can_still_happen(
    state: str, resolved: str, latest: str, hit: str, now: str, expected: Standing
) -> None:
    group = CrashGroup(state=state, resolved_version=resolved, latest_version=latest)
    assert standing(group, hit, now) is expected


@pytest.mark.parametrize("number", [1, 30])
def test_it_costs_two_queries_and_draws_everything(app: App, someone: AppUser, occurrence: Make, number: int) -> None:
    record([occurrence(f"E{n}: <b>\n\tat com.shop.A.f{n}(A.kt:1)") for n in range(number)])
    with CaptureQueriesContext(connection) as queries:
        box = affected_crashes_box(app, someone, NOW)
        about = SimpleNamespace(name="affected-crashes", heading="Affected crashes")
        html = render_to_string(
            "crashes/_affected_crashes.html",
            {
                "box": box,
                "about": about,
                "app": app,
                "app_user": someone,
                "clock": Clock(NOW, UTC),
                "choices": _NoChoices(),
                "page_url": "/apps/a/users/1/",
            },
        )
    assert len(queries) == 2
    assert len(box.crashes) == min(number, CRASHES_AT_ONCE)
    assert html.count("data-row") == number
    assert "&lt;b&gt;" in html


class _NoChoices:
    def query(self, **changed: str) -> str:
        return ""
