"""What the tests of crashes share: an app, a fixed clock, occurrences that need no more than they say."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from profiles.access.models import App
from profiles.access.services import create_app
from profiles.crashes.fingerprint import CrashFacts
from profiles.crashes.services import Occurrence
from profiles.users.keys import user_key

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NPE = """java.lang.NullPointerException: Attempt to read from field on a null object reference
	at com.shop.checkout.CheckoutFragment.onPay(CheckoutFragment.kt:42)
	at com.shop.MainActivity.onResume(MainActivity.kt:88)
	at android.app.Activity.performResume(Activity.java:8000)"""
OTHER = """java.lang.IllegalStateException: Cart is empty
	at com.shop.cart.Cart.first(Cart.kt:7)
	at android.view.View.performClick(View.java:7448)"""

Make = Callable[..., Occurrence]


@pytest.fixture
def app(db: None) -> App:
    return create_app(name="Shop", timezone="Europe/Istanbul")


@pytest.fixture
def user(app: App) -> UUID:
    return user_key(app.public_id, "alices-phone")


_numbers = count(1)


def make_occurrence(
    app: App,
    error: str = NPE,
    *,
    of: UUID,
    sent_by: UUID | None = None,
    at: datetime = NOW,
    version: str = "1.0",
    is_fatal: bool = True,
    **report: Any,
) -> Occurrence:
    """Return an occurrence with the next id."""
    said = {"error": error, "app_version": version, "os": "Android", "is_fatal": is_fatal, **report}
    return Occurrence(
        app_id=app.id,
        user_id=of,
        original_user_id=sent_by or of,
        occurred_at=at,
        id=next(_numbers) << 16,
        received_at=at + timedelta(seconds=1),
        app_version=version,
        report=said,
        facts=CrashFacts(platform="Android", error=error, is_fatal=is_fatal),
    )


@pytest.fixture
def occurrence(app: App, user: UUID) -> Make:
    """Return a maker of occurrences, of the app and its user unless said otherwise."""

    def make(error: str = NPE, *, of: UUID = user, in_app: App = app, **said: Any) -> Occurrence:
        return make_occurrence(in_app, error, of=of, **said)

    return make
