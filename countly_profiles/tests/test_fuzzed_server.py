"""Malformed requests at the door of the real server: each connection goes on, none breaks a process or waits for ever.

FUZZ_REQUESTS says how many are sent.
"""

import json
import os
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psutil
import pytest

from countly_profiles.tests.instance import Instance, new_instance
from ingest.tests import noise

pytestmark = pytest.mark.slow

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "3000"))
CONNECTIONS = 8
PATIENCE_SECONDS = 20.0  # for an answer; a broken request may have none, then the client ends it
MOST_GROWTH = 40 * 1024 * 1024  # of all processes; a process takes its time to have loaded what it needs
REFUSED = (100, 400, 403, 404, 405, 411, 413, 414, 417, 431)  # 100: for who expects to be told


@pytest.fixture
def an_instance() -> Iterator[Instance]:
    with new_instance() as instance:
        yield instance


def _send(instance: Instance, key: str, seed: int, count: int) -> Counter[int]:
    """Send requests one after another over connections that are kept while the server keeps them."""
    chance = random.Random(seed)
    statuses: Counter[int] = Counter()
    client: socket.socket | None = None
    for _ in range(count):
        client = client or socket.create_connection(("127.0.0.1", instance.port), PATIENCE_SECONDS)
        is_kept = False
        with suppress(ConnectionError):
            client.sendall(noise.http_request(chance, key))
            client.settimeout(0.3)
            is_kept = _read(client, statuses)
        if not is_kept:
            client.close()
            client = None
    if client:
        client.close()
    return statuses


def _read(client: socket.socket, statuses: Counter[int]) -> bool:
    """Count the answers; tell whether the connection can go on. 0 stands for none: the request was not whole."""
    try:
        data = client.recv(65_536)
    except TimeoutError:
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)
            client.settimeout(PATIENCE_SECONDS)
            data = client.recv(65_536)
            statuses[int(data.split(b" ", 2)[1]) if data.startswith(b"HTTP/") else 0] += 1
        return False
    if not data.startswith(b"HTTP/1.1 "):
        statuses[0] += 1
        return False
    status = int(data[9:12])
    statuses[status] += 1
    # Whatever else was answered, what follows in the connection may be the rest of a broken request.
    return status == 200 and data.endswith(b"}") and b"onnection: close" not in data


def _memory(instance: Instance) -> int:
    """Return the bytes that the instance's own processes have to themselves, PostgreSQL and Valkey left out."""
    assert instance.process
    size = 0
    for one in psutil.Process(instance.process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # the one that names devices comes and goes
            if one.name().startswith(("python", "gunicorn", "celery")):
                size += one.memory_full_info().uss
    return size


def _wait_until_applied(instance: Instance) -> None:
    deadline = time.monotonic() + 120
    while instance.heartbeat()["backlog"]["requests"]:
        assert time.monotonic() < deadline, "requests wait for ever"
        time.sleep(0.2)


def test_malformed_requests_at_the_door(an_instance: Instance) -> None:
    an_instance.start()
    key = json.loads(an_instance.manage("create_app", "Kahve").stdout)["key"]
    statuses: Counter[int] = Counter()
    sizes = []
    for part in range(10):
        with ThreadPoolExecutor(CONNECTIONS) as clients:
            sent = [
                clients.submit(_send, an_instance, key, part * CONNECTIONS + number, REQUESTS // 10 // CONNECTIONS)
                for number in range(CONNECTIONS)
            ]
            statuses += sum((one.result() for one in sent), Counter[int]())
        _wait_until_applied(an_instance)
        sizes.append(_memory(an_instance))
    print(dict(statuses), [size >> 20 for size in sizes])  # noqa: T201 - the figures of a long run
    assert statuses[200] > REQUESTS / 3
    assert set(statuses) <= {0, 200, *REFUSED}
    assert an_instance.heartbeat()["status"] == "ok"
    failed = "from ingest.models import *; print(IngestRequest.objects.filter(reason__startswith='failed_').count())"
    assert an_instance.manage("shell", "--no-imports", "-c", failed).stdout.strip() == "0"
    assert sizes[-1] - sizes[1] < MOST_GROWTH, sizes
