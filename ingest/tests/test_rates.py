"""Limits of requests a second: per app and per address, answered so that SDKs come again."""

from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st
from pytest_django.fixtures import Settings

from ingest import loop_door, pressure, rates
from ingest.models import InboxRequest
from ingest.tests.sending import post
from profiles.access.models import App
from profiles.tests.factories import make_app

FORM = {b"content-type": b"application/x-www-form-urlencoded"}


@pytest.fixture(autouse=True)
def full(settings: Settings) -> Iterator[None]:
    settings.WEB_WORKERS = 1
    rates.forget()
    pressure.forget()
    yield
    rates.forget()


@given(
    st.floats(0.1, 50),
    st.lists(st.tuples(st.floats(0, 3), st.integers(1, 5)), max_size=60),
)
def test_no_more_than_the_limit_and_one_burst_gets_in(per_second: float, asked: list[tuple[float, int]]) -> None:
    buckets = rates.Buckets()
    now, taken = 100.0, 0
    full = max(per_second * rates.BURST_SECONDS, 1.0)
    largest = max((number for _, number in asked), default=0)
    for pause, number in asked:
        now += pause
        if buckets.take("app", per_second, now, number):
            taken += number
    assert taken <= full + per_second * (now - 100.0) + largest + 1e-6


def test_a_slow_sender_is_never_told_to_wait() -> None:
    buckets = rates.Buckets()
    assert all(buckets.take("app", 2, second / 2) for second in range(100))


def test_a_bunch_larger_than_the_bucket_gets_in_when_it_is_full() -> None:
    buckets = rates.Buckets()
    assert buckets.take("app", 1, 0, 50)
    assert not buckets.take("app", 1, 10, 50)
    assert buckets.take("app", 1, 60, 50)


@pytest.mark.django_db
class TestDoor:
    def test_an_app_beyond_its_limit_is_told_to_come_later_and_others_are_not(self) -> None:
        app, other = make_app("Limited"), make_app("Other")
        App.objects.filter(pk=app.pk).update(requests_per_second=2)
        codes = [post(app, "phone", number).status_code for number in range(6)]
        assert codes == [200] * 4 + [429] * 2
        assert post(other, "phone").status_code == 200
        assert InboxRequest.objects.filter(app=app).count() == 4
        assert b"result" in post(app, "phone").content

    def test_an_address_beyond_the_limit_is_told_to_come_later(self, settings: Settings) -> None:
        settings.REQUESTS_PER_SECOND_PER_ADDRESS = 1
        app = make_app()
        assert [post(app, "phone", number).status_code for number in range(3)] == [200, 200, 429]

    def test_the_fast_way_in_keeps_to_it_too(self) -> None:
        app = make_app()
        App.objects.filter(pk=app.pk).update(requests_per_second=1)
        post(app, "phone")  # remembers the app, looks at the pressure
        door = loop_door.LoopDoor()
        body = f"app_key={app.key}&device_id=phone".encode()
        taken = [door.take(b"/i", b"", FORM, body, "10.0.0.1") for _ in range(3)]
        assert [one is not None for one in taken] == [True, False, False]
