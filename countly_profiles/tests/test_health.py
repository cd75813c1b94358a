from collections.abc import Callable
from typing import Any, NoReturn

import pytest
import redis
from django.db import OperationalError, connection
from django.test import Client

from countly_profiles import health
from ingest import inbox


@pytest.fixture
def a_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis.Redis, "ping", lambda _self: True)


@pytest.mark.django_db
@pytest.mark.usefixtures("a_broker")
def test_it_is_well(client: Client) -> None:
    answer = client.get("/__heartbeat__")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "database": "ok",
        "broker": "ok",
        "backlog": {"requests": 0, "age_seconds": 0.0},
        "intake": "open",
    }


@pytest.mark.django_db
def test_it_says_that_the_broker_is_gone(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis.Redis, "ping", _raiser(redis.exceptions.ConnectionError("gone")))
    answer = client.get("/__heartbeat__")
    assert answer.status_code == 503
    assert (answer.json()["status"], answer.json()["broker"]) == ("error", "error")


@pytest.mark.django_db
@pytest.mark.usefixtures("a_broker")
def test_it_says_that_the_database_is_gone(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "cursor", _raiser(OperationalError("gone")))
    answer = client.get("/__heartbeat__")
    assert answer.status_code == 503
    assert answer.json()["database"] == "error"
    assert answer.json()["backlog"] == {"requests": None, "age_seconds": None}


@pytest.mark.django_db
@pytest.mark.usefixtures("a_broker")
def test_a_backlog_that_nobody_takes_is_no_health(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "backlog", lambda: (5, 301.0))
    answer = client.get("/__heartbeat__")
    assert answer.status_code == 503
    assert answer.json()["backlog"] == {"requests": 5, "age_seconds": 301.0}


@pytest.mark.django_db
@pytest.mark.usefixtures("a_broker")
def test_it_says_that_nothing_more_is_taken(client: Client, settings: Any) -> None:
    settings.MOST_WAITING = -1
    answer = client.get("/__heartbeat__")
    assert answer.status_code == 503
    assert answer.json()["intake"] == "closed: backlog"


def test_a_load_balancer_is_answered_without_a_query(client: Client) -> None:
    assert client.get("/__lbheartbeat__").status_code == 200


def test_the_version_is_told(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMIT", "0123abc")
    health._commit.cache_clear()
    assert client.get("/__version__").json()["commit"] == "0123abc"
    health._commit.cache_clear()


@pytest.mark.django_db
def test_metrics_tell_the_backlog(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "backlog", lambda: (7, 1.5))
    text = client.get("/metrics").content.decode()
    assert "ingest_backlog_requests 7.0" in text
    assert "ingest_backlog_age_seconds 1.5" in text


def _raiser(error: Exception) -> Callable[..., NoReturn]:
    def fail(*_args: object, **_kwargs: object) -> NoReturn:
        raise error

    return fail
