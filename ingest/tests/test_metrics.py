"""What `/metrics` says of requests: taken, turned away, settled, how fast."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from prometheus_client import REGISTRY

from ingest import app_keys, metrics, pressure
from profiles.access.models import App
from profiles.access.services import create_app


@pytest.fixture
def app(db: None) -> App:
    app_keys.forget()
    return create_app(name="Kahve")


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_ages_are_counted_by_bound() -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    before = {bound: value("ingest_settled_within_requests_total", seconds=bound) for bound in ("0.05", "1", "60")}
    ages = (0.01, 0.05, 0.7, 3.0, 90.0)
    metrics.count_settled([("applied", "")] * 5, [now - timedelta(seconds=age) for age in ages], now)
    after = {bound: value("ingest_settled_within_requests_total", seconds=bound) for bound in before}
    assert {bound: after[bound] - before[bound] for bound in before} == {"0.05": 2, "1": 3, "60": 4}


def test_what_is_stored_is_counted_and_timed(client: Client, app: App) -> None:
    before = value("ingest_stored_requests_total"), value("ingest_store_seconds_count")
    client.get("/i", {"app_key": app.key, "device_id": "phone"})
    assert (value("ingest_stored_requests_total"), value("ingest_store_seconds_count")) == (
        before[0] + 1,
        before[1] + 1,
    )


def test_what_is_not_stored_is_not_counted_as_stored(app: App) -> None:
    before = value("ingest_stored_requests_total")
    with pytest.raises(DatabaseError), connection.cursor() as cursor, metrics.timed_store(1):
        cursor.execute("SELECT 1 / 0")
    assert value("ingest_stored_requests_total") == before


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"app_key": "nobody's"}, "unknown_app"),
        ({"device_id": ""}, "missing_device_id"),
        ({"device_id": "00000000-0000-0000-0000-000000000000"}, "zero_idfa"),
    ],
)
def test_what_is_turned_away_is_counted_by_reason(
    client: Client, app: App, parameters: dict[str, str], reason: str
) -> None:
    before = value("ingest_turned_away_requests_total", reason=reason)
    client.get("/i", {"app_key": app.key, "device_id": "phone"} | parameters)
    assert value("ingest_turned_away_requests_total", reason=reason) == before + 1


def test_back_pressure_is_counted_by_its_reason(client: Client, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    before = value("ingest_turned_away_requests_total", reason="disk")
    monkeypatch.setattr(pressure, "current", lambda: pressure.Pressure.DISK)
    assert client.get("/i", {"app_key": app.key, "device_id": "phone"}).status_code == 503
    assert value("ingest_turned_away_requests_total", reason="disk") == before + 1
