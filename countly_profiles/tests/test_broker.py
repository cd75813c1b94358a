"""A broker that was away for long is found again at once."""

import socket

import pytest
from kombu.exceptions import OperationalError

from countly_profiles.broker import PatientConnection
from countly_profiles.celery import app


def test_workers_and_beat_pause_for_a_second_however_often_they_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda _seconds: None)
    pauses: list[float] = []

    with app.connection_for_write(f"redis://127.0.0.1:{port}/0") as connection:
        assert isinstance(connection, PatientConnection)
        with pytest.raises(OperationalError):
            connection.ensure_connection(lambda _fault, pause: pauses.append(pause), 6)

    assert len(pauses) >= 5
    assert set(pauses) == {1.0}


def test_they_never_give_up() -> None:
    assert app.conf.broker_connection_max_retries is None
