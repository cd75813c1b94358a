"""`up` for real: its own PostgreSQL and Valkey, killed in the middle, started again."""

import json
import signal
import socket
import time
from collections.abc import Iterator

import pytest

from countly_profiles.tests.instance import Instance, new_instance

pytestmark = pytest.mark.slow


@pytest.fixture
def an_instance() -> Iterator[Instance]:
    with new_instance() as instance:
        yield instance


def test_a_killed_instance_leaves_nothing_running_and_finds_its_data_again(an_instance: Instance) -> None:
    first = an_instance.start()
    key = json.loads(an_instance.manage("create_app", "Kahve").stdout)["key"]
    an_instance.get("/i", app_key=key, device_id="phone-1", begin_session="1", timestamp=str(int(time.time() * 1000)))
    an_instance.end(signal.SIGKILL)
    an_instance.wait_until_nothing_is_left()

    again = an_instance.start()
    assert again.groups() == first.groups()
    deadline = time.monotonic() + 60
    while an_instance.settled() == 0:
        assert time.monotonic() < deadline, "the acknowledged request was not applied"
    assert an_instance.heartbeat()["status"] == "ok"

    other = Instance(an_instance.directory, an_instance.port + 1).manage("up")
    assert other.returncode == 1
    assert "in use by a running instance" in other.stderr

    assert an_instance.end(signal.SIGINT) == 0
    an_instance.wait_until_nothing_is_left()
    assert not (an_instance.directory / "services.json").exists()


def test_a_taken_port_is_refused_before_anything_starts(an_instance: Instance) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", an_instance.port))
        taken.listen()
        refused = an_instance.manage("up")
    assert refused.returncode == 1
    assert f"Port {an_instance.port} is in use" in refused.stderr
    assert not (an_instance.directory / "postgres").exists()
