"""Two who compute at once, on two connections: one waits, or leaves the marks to the other; a kill loses no mark."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Event as Signal, Thread
from uuid import UUID

import psycopg2
import pytest
from django.db import DatabaseError, connection, connections

from profiles.activity import staleness
from profiles.activity.models import Stale
from profiles.activity.services import mark_stale
from profiles.tests.factories import make_app

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 14, 10, tzinfo=UTC)
KIND = Stale.Kind.FUNNELS
SECONDS = 10


@pytest.fixture
def marked() -> UUID:
    user_id = UUID(int=1)
    mark_stale(KIND, [(user_id, make_app().pk)], NOW)
    return user_id


@pytest.fixture
def other() -> Iterator["psycopg2.extensions.cursor"]:
    """Another process: a connection of its own, in a transaction."""
    parameters = {**connection.get_connection_params()}
    parameters.pop("cursor_factory", None)
    with psycopg2.connect(**parameters) as connected, connected.cursor() as cursor:
        yield cursor
        connected.rollback()


def test_marks_are_left_to_whoever_is_at_it(marked: UUID, other: "psycopg2.extensions.cursor") -> None:
    with staleness.claimed(KIND, 10) as users:
        assert list(users) == [marked]
        other.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [staleness._CONSUMER_LOCK, int(KIND)])
        assert other.fetchone() == (False,)
        other.execute("SELECT count(*) FROM profiles_stale")
        assert other.fetchone() == (1,)  # until the results are committed
    other.execute("SELECT count(*) FROM profiles_stale")
    assert other.fetchone() == (0,)


def test_results_of_one_kind_are_computed_by_one_at_a_time(marked: UUID, other: "psycopg2.extensions.cursor") -> None:
    other.execute("SELECT pg_advisory_xact_lock(%s, %s)", [staleness._RESULT_LOCK, int(KIND)])
    order: list[str] = []
    began = Signal()

    def compute() -> None:
        began.set()
        with staleness.claimed(KIND, 10) as users:
            order.append(f"computed {len(users)}")
        connections.close_all()

    thread = Thread(target=compute)
    thread.start()
    assert began.wait(SECONDS)
    thread.join(0.3)
    order.append("the other is done")
    other.connection.commit()
    thread.join(SECONDS)
    assert order == ["the other is done", "computed 1"]


def test_a_killed_computation_leaves_its_marks(marked: UUID, other: "psycopg2.extensions.cursor") -> None:
    def compute_and_be_killed() -> None:
        with staleness.claimed(KIND, 10) as users, connection.cursor() as cursor:
            assert list(users) == [marked]
            cursor.execute("SELECT pg_backend_pid()")
            other.execute("SELECT pg_terminate_backend(%s, 5000)", cursor.fetchone())
            cursor.execute("SELECT 1")

    with pytest.raises(DatabaseError):
        compute_and_be_killed()
    connections.close_all()
    with staleness.claimed(KIND, 10) as users:
        assert list(users) == [marked]


def test_what_waits_for_seconds_alone_is_not_behind(marked: UUID) -> None:
    assert staleness.behind_since(KIND, NOW + timedelta(seconds=1)) is None
    assert staleness.behind_since(KIND, NOW + timedelta(minutes=1)) == NOW
    assert staleness.behind_since(Stale.Kind.ENGAGEMENT, NOW + timedelta(minutes=1)) is None
