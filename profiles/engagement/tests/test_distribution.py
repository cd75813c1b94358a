"""How scores are spread: the page, the chart of the list, and what is said while they are behind."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
import time_machine
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from profiles.access.models import App, AppTotals
from profiles.activity.models import Stale
from profiles.activity.services import mark_stale
from profiles.directory.audience import Audience, count_users
from profiles.directory.filters import tree
from profiles.directory.filters.fields import checked
from profiles.engagement import services
from profiles.engagement.distribution import spread_of
from profiles.engagement.models import Engagement
from profiles.tests.factories import People, make_people, make_user

NOW = datetime(2026, 11, 14, 10, tzinfo=UTC)
PERCENTS = [0, 0, 0, 0, 0.5, 0.7, 3, 7, 12, 30, 50, 100]


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def people(db: None) -> People:
    return make_people()


@pytest.fixture
def app(people: People) -> App:
    for number, percent in enumerate(PERCENTS):
        user = make_user(people.app, f"device-{number}")
        Engagement.objects.create(user=user, app=people.app, score=percent * 2.8, on=NOW.date(), computed_at=NOW)
    AppTotals.objects.create(app=people.app, shard=0, users=len(PERCENTS))
    services.refresh_distribution(people.app.pk, NOW)
    return people.app


def client_of(people: People, name: str) -> Client:
    client = Client()
    client.force_login(getattr(people, name))
    return client


def test_each_band_leads_to_its_share_of_users(app: App) -> None:
    spread = spread_of(app, NOW)
    assert [band.label for band in spread.bands] == [
        "0%", "below 1%", "1 to 5%", "5 to 10%", "10 to 25%", "25 to 50%", "50% and more",
    ]  # fmt: skip
    assert sum(band.share for band in spread.bands) == pytest.approx(1)
    for band, users in zip(spread.bands, [4, 2, 1, 1, 1, 1, 2], strict=True):
        chosen = checked(tree.read(band.url.partition("filter=")[2].replace("%25", "%")))
        assert count_users(app, Audience(filter=chosen)) == users
        assert band.share == pytest.approx(users / len(PERCENTS), abs=0.002)


def test_the_list_asks_for_the_chart_and_gets_it(app: App, people: People) -> None:
    bob = client_of(people, "bob")
    address = f"/apps/{app.public_id}/engagement/"
    assert f'hx-get="{address}"' in bob.get(f"/apps/{app.public_id}/users/").content.decode()
    fragment = bob.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "Engagement below 1%: 17% of users" in fragment
    assert "<html" not in fragment
    page = bob.get(address).content.decode()
    assert "12 users" in page
    assert "being computed" not in page
    assert client_of(people, "charlie").get(address).status_code == 404


def test_scores_of_yesterday_say_so(app: App, people: People) -> None:
    Engagement.objects.filter(score__gt=200).update(changes_on=NOW.date(), on=date(2026, 11, 13))
    bob = client_of(people, "bob")
    assert "until then they are those of yesterday" in bob.get(f"/apps/{app.public_id}/engagement/").content.decode()
    assert "of 13 Nov" in bob.get(f"/apps/{app.public_id}/users/").content.decode()


def test_scores_that_are_behind_say_since_when(app: App, people: People) -> None:
    bob = client_of(people, "bob")
    mark_stale(Stale.Kind.ENGAGEMENT, [(UUID(int=1), app.pk)], NOW - timedelta(seconds=2))
    assert "are being computed" not in bob.get(f"/apps/{app.public_id}/engagement/").content.decode()
    mark_stale(Stale.Kind.ENGAGEMENT, [(UUID(int=1), app.pk)], NOW - timedelta(minutes=20))
    page = bob.get(f"/apps/{app.public_id}/engagement/").content.decode()
    assert "are being computed" in page
    assert "20 min ago" in page


def test_an_app_without_scores_says_so(people: People) -> None:
    page = client_of(people, "bob").get(f"/apps/{people.app.public_id}/engagement/").content.decode()
    assert "Not computed yet" in page


def test_it_takes_four_queries(app: App, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(4):
        spread_of(app, NOW)
