"""Sends load: wrk where it is installed, else a generator in Python, which costs a core of its own."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from countly_profiles.bench import requests
from countly_profiles.bench.figures import percentile

CONNECTIONS = 32
_SCRIPT = Path(__file__).with_name("post.lua")
_WRK = shutil.which("wrk")
GENERATOR = f"wrk, 1 thread, {CONNECTIONS} connections" if _WRK else f"Python generator, {CONNECTIONS} threads"


@dataclass(frozen=True, slots=True)
class Load:
    """What a generator saw. Requests are those answered."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int

    @property
    def rate(self) -> float:
        """Requests answered in a second."""
        return self.requests / self.seconds


def post(address: str, app_key: str, seconds: float, *, first_number: int = 0, rate: float | None = None) -> Load:
    """Post requests to `/i` for so long, as fast as answers come or at a steady `rate`; return what was seen."""
    url = address.rstrip("/") + "/i"
    if _WRK is None:
        return _post_by_python(url, app_key, seconds, first_number, rate)
    arguments = [_WRK, "-t1", f"-c{CONNECTIONS}", f"-d{round(seconds)}s", "--timeout", "10s", "-s", str(_SCRIPT), url]
    done = subprocess.run(  # noqa: S603 - our own words
        [*arguments, "--", app_key, str(first_number), f"{rate or 0:g}"], capture_output=True, text=True, check=True
    )
    return Load(**json.loads(done.stdout.strip().splitlines()[-1]))


def _post_by_python(url: str, app_key: str, seconds: float, first_number: int, rate: float | None) -> Load:
    until = time.monotonic() + seconds
    took_ms: list[float] = []
    errors: list[str] = []

    def send(number: int) -> None:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
        due = time.monotonic()
        while time.monotonic() < until:
            body = requests.body(app_key, number, round(time.time() * 1000))
            started = time.perf_counter()
            try:
                connection.request("POST", "/i", body, {"Content-Type": requests.CONTENT_TYPE})
                answer = connection.getresponse()
                answer.read()
            except OSError as error:
                errors.append(type(error).__name__)
                connection.close()
                continue
            if answer.status == http.HTTPStatus.OK:
                took_ms.append((time.perf_counter() - started) * 1000)
            else:
                errors.append(str(answer.status))
            number += CONNECTIONS
            if rate:
                due += CONNECTIONS / rate
                time.sleep(max(0.0, due - time.monotonic()))
        connection.close()

    started = time.monotonic()
    threads = [threading.Thread(target=send, args=[first_number + place]) for place in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Load(len(took_ms), time.monotonic() - started, percentile(took_ms, 50), percentile(took_ms, 99), len(errors))
