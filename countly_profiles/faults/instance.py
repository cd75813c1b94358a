"""A running instance as the kit holds it: started and ended like a user would, its processes found and signalled.

Linux only: processes are found in /proc, by the lock of the data directory that all of them inherit.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import psycopg2
from celery import Celery

from countly_profiles import env, services
from profiles.users.locks import SHARD_LOCKS

_PROC = Path("/proc")
_START_SECONDS = 120.0
_END_SECONDS = 120.0
_LOOK_EVERY_SECONDS = 0.05
_LOOK_AGAIN_SECONDS = 1.0
_COME_LATER = 503
# Part of its command line, by the supervisor's name of a process.
_MARKS = {
    "postgres": "/postgres -D",
    "valkey": "valkey-server",
    "web": "-m gunicorn",
    "ingest": "--queues=ingest",
    "derive": "--queues=derive",
    "bulk": "--queues=bulk",
    "push": "--queues=push",
    "beat": " beat ",
}
NAMES = tuple(_MARKS)


class InstanceError(Exception):
    """The instance does not do what the kit needs; the message says what."""


class Instance:
    """One instance in a data directory of its own."""

    def __init__(self, manage: Path, data_dir: Path, port: int, **environ: str) -> None:
        self.data_dir = data_dir
        self.port = port
        self.project = manage.parent
        self._manage = manage
        inherited = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
        self._environ = inherited | {"DATA_DIR": str(data_dir), "PORT": str(port), "DEMO": "0"} | environ
        self._supervisor: subprocess.Popen[bytes] | None = None

    # --- Start and end -------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything and wait until it is ready."""
        self.launch()
        self.wait_until(lambda: self.health()[0] == 200, _START_SECONDS, "ready")

    def launch(self) -> None:
        """Start the supervisor."""
        with (self.data_dir / "told").open("ab") as told:
            self._supervisor = subprocess.Popen(
                [sys.executable, self._manage, "up"], env=self._environ, stdout=told, stderr=told
            )

    def end(self) -> None:
        """End in the orderly way, if it runs."""
        if self._supervisor is not None:
            self._supervisor.send_signal(signal.SIGTERM)
            self._supervisor.wait(timeout=_END_SECONDS)
            self._supervisor = None

    def kill_supervisor(self) -> None:
        """Kill the supervisor and wait until everything that it started is gone too."""
        if self._supervisor is None:
            raise InstanceError("there is no supervisor to kill")
        self._supervisor.kill()
        self._supervisor.wait()
        self._supervisor = None
        self.wait_until(lambda: not self.is_anything_left(), 30.0, "gone after its supervisor")

    def is_anything_left(self) -> bool:
        """Tell whether a process of this instance lives: each one holds the lock."""
        with (self.data_dir / "lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def told(self) -> str:
        """Return what the supervisor wrote."""
        return (self.data_dir / "told").read_text(encoding="utf-8", errors="replace")

    def manage(self, *arguments: str) -> str:
        """Run one of the project's commands beside the instance and return what it wrote."""
        command = [sys.executable, str(self._manage), *arguments]
        done = subprocess.run(command, env=self._environ, capture_output=True, text=True, check=True)
        return done.stdout

    # --- Processes -----------------------------------------------------------------------------

    def process(self, name: str) -> int:
        """Return the number of the process that the supervisor knows by this name."""
        found = self.processes().get(name)
        if found is None:
            raise InstanceError(f"{name} does not run")
        return found

    def processes(self) -> dict[str, int]:
        """Return the supervisor's children that are alive, by name."""
        return parts_of(self._supervisor.pid) if self._supervisor else {}

    def orphans(self) -> list[str]:
        """Return the command lines of processes of this instance that no longer descend from its supervisor.

        Looked for twice: what is just being forked or ending belongs to nobody for a moment.
        """
        first = self._without_parent()
        if not first:
            return []
        time.sleep(_LOOK_AGAIN_SECONDS)
        return [line for process, line in self._without_parent().items() if process in first]

    def _without_parent(self) -> dict[int, str]:
        known = {self._supervisor.pid, *_descendants(self._supervisor.pid)} if self._supervisor else set()
        lock = (self.data_dir / "lock").resolve()
        return {
            process: f"{process} {_command_line(process)[:80]}"
            for process in _all_processes()
            if process not in known and process != os.getpid() and _holds(process, lock)
        }

    def environ_of(self, name: str) -> Mapping[str, str]:
        """Return the environment of one of the processes."""
        raw = (_PROC / str(self.process(name)) / "environ").read_bytes()
        return dict(pair.split("=", 1) for pair in raw.decode().split("\0") if "=" in pair)

    # --- What it says --------------------------------------------------------------------------

    def get(self, path: str, seconds: float = 5.0) -> tuple[int, bytes]:
        """Return status and content of an address; status 0 when there is no answer."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=seconds)) as connection:
            try:
                connection.request("GET", path, headers={"Host": "localhost"})
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (OSError, HTTPException):
                return 0, b""

    def health(self) -> tuple[int, dict[str, Any]]:
        """Return what the heartbeat says."""
        status, content = self.get("/__heartbeat__")
        try:
            return status, dict(json.loads(content))
        except ValueError:
            return status, {}

    def free_bytes(self) -> int:
        """Return how much room the file system of the data directory has for others than root."""
        return shutil.disk_usage(self.data_dir).free

    def wait_until_intake_is_closed(self, reason: str) -> None:
        """Wait until SDKs are told to come later and health says so, for this reason if one is given."""

        def is_told() -> bool:
            status, said = self.health()
            return status == _COME_LATER and (not reason or said.get("intake") == f"closed: {reason}")

        self.wait_until(is_told, 20.0, "unwell in its health")
        ((key,),) = self.rows("SELECT key FROM profiles_app LIMIT 1")
        self.wait_until(lambda: self.get(f"/i?app_key={key}&device_id=asks")[0] == _COME_LATER, 10.0, "closed for SDKs")

    def services(self) -> services.Services:
        """Return where database and broker are."""
        found = services.read(self.data_dir)
        if found is None:
            raise InstanceError("the instance does not run")
        return found

    def rows(self, statement: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of one statement, over a connection of its own."""
        with closing(psycopg2.connect(self.services().database_url, connect_timeout=5)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return list(cursor.fetchall())

    def celery(self) -> Celery:
        """Return a client of the instance's broker."""
        return Celery("faults", broker=env.celery_broker_url(self.services().redis_url))

    def wait_for_batch(self, seconds: float = 20.0) -> None:
        """Return as soon as a worker is in the middle of a batch: it holds the locks of shards."""
        with closing(psycopg2.connect(self.services().database_url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:

                def is_batch_under_way() -> bool:
                    cursor.execute(
                        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND granted)",
                        [SHARD_LOCKS],
                    )
                    return cursor.fetchone() == (True,)

                self.wait_until(is_batch_under_way, seconds, "in the middle of a batch", look_every=0.0005)

    def wait_until(
        self, is_so: Callable[[], bool], seconds: float, what: str, *, look_every: float = _LOOK_EVERY_SECONDS
    ) -> float:
        """Wait until something is so and return how many seconds that took; raise InstanceError when it never is."""
        began = time.monotonic()
        while not is_so():
            if self._supervisor is not None and self._supervisor.poll() is not None:
                raise InstanceError(f"the supervisor ended:\n{self.told()[-2000:]}")
            if time.monotonic() - began > seconds:
                raise InstanceError(f"not {what} within {seconds:g} s")
            time.sleep(look_every)
        return time.monotonic() - began


def send(process: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone by now."""
    with suppress(ProcessLookupError):
        os.kill(process, number)


@contextmanager
def frozen(*processes: int) -> Iterator[None]:
    """Stop processes for a while without ending them."""
    for process in processes:
        send(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            send(process, signal.SIGCONT)


def parts_of(supervisor: int) -> dict[str, int]:
    """Return the children of a supervisor that are alive, by its name for them."""
    found = {}
    for process in children_of(supervisor):
        line = _command_line(process)
        for name, mark in _MARKS.items():
            if mark in line:
                found[name] = process
    return found


def children_of(process: int) -> list[int]:
    """Return the living children of a process."""
    return [child for child, parent in _parents().items() if parent == process]


def family_of(process: int) -> list[int]:
    """Return a process and all that descend from it."""
    return [process, *_descendants(process)]


def _descendants(process: int) -> list[int]:
    parents = _parents()
    found: list[int] = []
    generation = [process]
    while generation:
        generation = [child for child, parent in parents.items() if parent in generation]
        found += generation
    return found


def _parents() -> dict[int, int]:
    """Return the parent of every process that is not a zombie."""
    parents = {}
    for process in _all_processes():
        with suppress(OSError):
            # pid (name) state ppid ...; a name may hold spaces and parentheses
            state, parent = (_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[process] = int(parent)
    return parents


def _all_processes() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]


def _command_line(process: int) -> str:
    try:
        return (_PROC / str(process) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _holds(process: int, file: Path) -> bool:
    try:
        return any(Path(entry).resolve() == file for entry in (_PROC / str(process) / "fd").iterdir())
    except OSError:
        return False
