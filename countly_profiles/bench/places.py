"""Where benchmarks run: a whole instance, a database alone, an empty web server; each gone at the end.

The database and the broker of this process's Django are those of the place that was entered last.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from countly_profiles import env, services
from countly_profiles.embedded.postgres import RUNNING_SETTINGS
from countly_profiles.embedded.spawning import spawn
from countly_profiles.embedded.throwaway import throwaway_postgres
from countly_profiles.supervisor import options
from countly_profiles.supervisor.web import gunicorn_arguments
from profiles.access.models import App

_START_SECONDS = 120
_BASE_DIR = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Instance:
    """A whole product that runs: where it answers, the app that takes data, and its supervisor's process."""

    address: str
    app: App
    process_id: int


def use_database(url: str) -> None:
    """Make this process's Django talk to another database."""
    connection.close()
    settings.DATABASE_URL = url
    connection.settings_dict.update(env.database("DATABASE_URL", url))


@contextmanager
def database() -> Iterator[None]:
    """Give an empty database of its own, with the settings of a running instance."""
    with throwaway_postgres(RUNNING_SETTINGS) as server:
        use_database(server.url())
        call_command("migrate", interactive=False, verbosity=0)
        try:
            yield
        finally:
            connection.close()


@contextmanager
def instance() -> Iterator[Instance]:
    """Start the whole product, as `make run` does, with an empty app."""
    data_dir = Path(tempfile.mkdtemp(prefix="countly-bench-"))
    data_dir.chmod(0o755)
    port = _free_port()
    environ = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    environ |= {"DATA_DIR": str(data_dir), "PORT": str(port), "DEMO": "0"}
    process = spawn(
        [sys.executable, _BASE_DIR / "manage.py", "up"],
        environ=environ,
        output=subprocess.PIPE,
        working_directory=_BASE_DIR,
        death_signal=signal.SIGTERM,
    )
    try:
        _wait_for_line(process, b"Ready:")
        running = services.read(data_dir)
        if running is None:
            msg = "The instance left no address."
            raise RuntimeError(msg)
        use_database(running.database_url)
        app = App.objects.create(name="Bench")
        yield Instance(f"http://127.0.0.1:{port}/", app, process.pid)
    finally:
        connection.close()
        process.send_signal(signal.SIGTERM)
        process.communicate()
        shutil.rmtree(data_dir, ignore_errors=True)


@contextmanager
def empty_server() -> Iterator[str]:
    """Start an empty Django view under the gunicorn settings of an instance, and give its address."""
    chosen = options.read(settings.DATA_DIR)
    port = _free_port()
    arguments = gunicorn_arguments(
        "countly_profiles.bench.empty:application",
        bind=f"127.0.0.1:{port}",
        workers=chosen.web_workers,
        threads=chosen.web_threads,
    )
    environ = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    process = spawn(
        [sys.executable, "-m", "gunicorn", *arguments],
        environ=environ,
        output=subprocess.DEVNULL,
        working_directory=_BASE_DIR,
        death_signal=signal.SIGTERM,
    )
    try:
        _wait_for_port(port)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_line(process: subprocess.Popen[bytes], start: bytes) -> None:
    if process.stdout is None:
        return
    said = []
    for line in process.stdout:
        if line.startswith(start):
            return
        said.append(line.decode("utf-8", "replace"))
    msg = "The instance did not start:\n" + "".join(said)
    raise RuntimeError(msg)


def _wait_for_port(port: int) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
