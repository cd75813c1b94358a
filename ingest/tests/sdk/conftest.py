"""What tests with real SDKs need: their packages from npm, a server that listens, and empty tables afterwards."""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

import pytest
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from ingest import app_keys
from ingest.apply import apply_waiting
from profiles.access.models import App
from profiles.access.services import create_app

FOLDER = Path(__file__).parent
_INSTALL_SECONDS = 180
_SCENARIO_SECONDS = 60

Scenario = Callable[..., dict[str, Any]]


def _missing(reason: str) -> NoReturn:
    """Skip; where it was said to be there, fail."""
    if os.environ.get("REQUIRE_NODE"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def node_modules(request: pytest.FixtureRequest) -> Path:
    """Install the SDKs of package-lock.json, once for each version of it, into pytest's cache."""
    if not (shutil.which("node") and shutil.which("npm")):
        _missing("tests with real SDKs need Node.js 18 or newer and npm (Debian: apt install nodejs npm)")
    lock = (FOLDER / "package-lock.json").read_bytes()
    assert request.config.cache is not None
    folder = request.config.cache.mkdir(f"sdk-{sha256(lock).hexdigest()[:12]}")
    with (folder / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        done = folder / "installed"
        if not done.exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(FOLDER / name, folder / name)
            command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            try:
                ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
            except subprocess.TimeoutExpired:
                _missing("npm could not install the SDKs: no answer from the registry")
            if ran.returncode:
                _missing(f"npm could not install the SDKs: {ran.stderr.strip().splitlines()[-1:]}")
            done.touch()
    return folder / "node_modules"


@pytest.fixture
def server(transactional_db: None, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveServer]:
    """A server on a port of its own. Nothing is applied until `apply_all` is called."""
    monkeypatch.setattr("ingest.views.wake", lambda: None)
    app_keys.forget()
    yield live_server
    with connection.cursor() as cursor:
        # The partitioned tables are no managed models, so Django does not empty them.
        cursor.execute("TRUNCATE profiles_event, ingest_request")


@pytest.fixture
def app(server: LiveServer) -> App:
    return create_app(name="Kahve")


def apply_all() -> int:
    """Apply all that waits."""
    total = 0
    while done := apply_waiting():
        total += done
    return total


@pytest.fixture
def run_node(node_modules: Path, server: LiveServer, app: App) -> Scenario:
    """Run a scenario of node_sdk.js against the server, to the end of its queue; give what it printed."""

    def run(scenario: str, *, exit_code: int = 0, **options: Any) -> dict[str, Any]:
        given = {"scenario": scenario, "url": server.url, "app_key": app.key, "device_id": "node-1", **options}
        ran = subprocess.run(
            ["node", str(FOLDER / "node_sdk.js"), json.dumps(given)],
            env={**os.environ, "NODE_PATH": str(node_modules)},
            capture_output=True,
            text=True,
            timeout=_SCENARIO_SECONDS,
        )
        assert ran.returncode == exit_code, ran.stderr
        printed: dict[str, Any] = json.loads(ran.stdout or "{}")
        return printed

    return run
