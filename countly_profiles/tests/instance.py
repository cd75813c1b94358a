"""An instance of the whole product for tests: started, driven and ended from outside, as a user would."""

import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

READY = re.compile(r"Ready: (http://127\.0\.0\.1:\d+/) login: admin / (\S+)\n")


class Instance:
    """One instance in a directory of its own."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.port = port
        self.process: subprocess.Popen[str] | None = None
        self.environ = {
            name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL", "SECRET_KEY"}
        } | {"DATA_DIR": str(directory), "PORT": str(port), "DEMO": "0", "WEB_WORKERS": "1", "INGEST_WORKERS": "1"}

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, check=False, timeout=120)

    def start(self) -> re.Match[str]:
        with (self.directory / "errors").open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(settings.BASE_DIR / "manage.py"), "up"],
                env=self.environ,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self.process.stdout
        ready = READY.fullmatch(self.process.stdout.readline())
        assert ready, (self.directory / "errors").read_text()
        return ready

    def end(self, number: signal.Signals) -> int:
        assert self.process
        assert self.process.stdout
        self.process.send_signal(number)
        status = self.process.wait(timeout=120)
        assert self.process.stdout.read() == "", "more than the one line"
        self.process.stdout.close()
        self.process = None
        return status

    def wait_until_nothing_is_left(self) -> None:
        """Every process inherits the lock file, so the lock is free when the last one is gone."""
        deadline = time.monotonic() + 60
        with (self.directory / "lock").open() as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    assert time.monotonic() < deadline, "processes were left behind"
                    time.sleep(0.1)
                else:
                    break

    def get(self, path: str, **parameters: str) -> bytes:
        address = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            return bytes(answer.read())

    def heartbeat(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.get("/__heartbeat__"))
        return answer

    def settled(self) -> int:
        counted = self.manage(
            "shell", "--no-imports", "-c", "from ingest.models import *; print(IngestRequest.objects.count())"
        )
        return int(counted.stdout)


@contextmanager
def new_instance() -> Iterator[Instance]:
    """Give an instance that is not started; it is ended and forgotten afterwards."""
    # Not tmp_path: as root the database runs as another user, who could not enter it.
    directory = Path(tempfile.mkdtemp(prefix="countly-up-"))
    directory.chmod(0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    instance = Instance(directory, port)
    try:
        yield instance
    finally:
        if instance.process:
            instance.end(signal.SIGTERM)
        shutil.rmtree(directory)
