"""A PostgreSQL server for one run of tests or benchmarks, gone at the end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from countly_profiles.embedded.accounts import account_to_run_as, can_run
from countly_profiles.embedded.binaries import find_postgres
from countly_profiles.embedded.placing import copy_postgres
from countly_profiles.embedded.postgres import CARELESS_SETTINGS, PostgresError, PostgresServer
from countly_profiles.embedded.spawning import spawn

_START_SECONDS = 30


@contextmanager
def postgres_for_tests() -> Iterator[PostgresServer]:
    """Give a server that is fast and careless."""
    with throwaway_postgres({**CARELESS_SETTINGS, "max_connections": "50", "shared_buffers": "64MB"}) as server:
        yield server


@contextmanager
def throwaway_postgres(settings: dict[str, str]) -> Iterator[PostgresServer]:
    """Start a server in a temporary directory, and end and remove it afterwards."""
    account = account_to_run_as(os.environ.get("RUN_AS", ""))
    directory = Path(tempfile.mkdtemp(prefix="countly-test-"))
    try:
        binaries = find_postgres()
        if account:
            os.chown(directory, account.uid, account.gid)
            if not can_run([binaries / "postgres", "--version"], account):
                binaries = copy_postgres(binaries, directory / "programs")
        server = PostgresServer(binaries=binaries, data=directory / "data", socket_directory=directory, account=account)
        server.initialise(is_throwaway=True)
        with (directory / "log").open("wb") as log:
            process = spawn(
                server.command(settings),
                account=account,
                output=log,
                working_directory=directory,
                death_signal=signal.SIGQUIT,
            )
        try:
            _wait(server, process, directory / "log")
            yield server
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _wait(server: PostgresServer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise PostgresError(log.read_text(encoding="utf-8", errors="replace"))
        time.sleep(0.03)
    server.create_database()
