"""From options to a running instance: which processes there are, in which order, and when all is up."""

from __future__ import annotations

import errno
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from countly_profiles import services
from countly_profiles.embedded.accounts import account_to_run_as, can_run
from countly_profiles.embedded.binaries import find_postgres, find_valkey
from countly_profiles.embedded.placing import copy_postgres, copy_program
from countly_profiles.embedded.postgres import RUNNING_SETTINGS, PostgresServer
from countly_profiles.embedded.spawning import Account, spawn
from countly_profiles.embedded.valkey import ValkeyServer
from countly_profiles.supervisor import instance
from countly_profiles.supervisor.child import Child
from countly_profiles.supervisor.options import Options
from countly_profiles.supervisor.parent import Parent
from countly_profiles.supervisor.supervisor import StartError, Supervisor, tell
from countly_profiles.supervisor.web import gunicorn_arguments

_BASE_DIR = Path(__file__).resolve().parent.parent.parent
_SERVICE_SECONDS = 120.0  # a PostgreSQL that replays its log after a crash
_PYTHON_SECONDS = 120.0
# The demo is there to be looked at; a slow machine shows it growing rather than a blank terminal.
_DEMO_SECONDS = 20.0
_DEMO_COMMAND = "send_demo_traffic"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `prepare_instance` reports."""

    is_password_valid: bool
    demo_key: str
    is_demo_new: bool


class Launch:
    """One start of one instance. `run` returns when it was asked to end and all has ended."""

    def __init__(self, options: Options, parent: Parent | None = None) -> None:
        self._options = options
        self._supervisor = Supervisor(parent)
        self._account: Account | None = None
        self._python_account: Account | None = None
        self._state = options.data_dir
        self._sockets: Path | None = None
        self._lock = -1
        self._environ: dict[str, str] = {}
        self._sender: subprocess.Popen[bytes] | None = None

    # --- The whole -----------------------------------------------------------------------------

    def run(self) -> None:
        """Start everything, print the line of readiness, watch, and end everything in order."""
        instance.open_data_directory(self._options.data_dir)
        self._lock = instance.lock(self._options.data_dir)
        self._refuse_taken_port()
        self._supervisor.listen_for_signals()
        try:
            self._choose_places()
            self._start_services()
            prepared = self._prepare()
            self._start_python()
            if prepared.is_demo_new:
                self._send_demo_traffic(prepared.demo_key)
            self._say_ready(prepared)
            self._supervisor.watch()
        finally:
            self._stop_demo_traffic()
            self._supervisor.stop()
            services.forget(self._options.data_dir)
            if self._sockets:
                shutil.rmtree(self._sockets, ignore_errors=True)
            os.close(self._lock)

    def _refuse_taken_port(self) -> None:
        family = socket.AF_INET6 if ":" in self._options.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self._options.host, self._options.port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    msg = (
                        f"Port {self._options.port} is in use by another program; choose another one, as in PORT=8001."
                    )
                else:
                    msg = f"Cannot listen on {self._options.host}:{self._options.port}: {error.strerror}."
                raise StartError(msg) from None

    def _choose_places(self) -> None:
        """Decide who the processes run as and where their data is.

        As root, the servers and the Python processes change to an unprivileged user. Where that user
        cannot read the interpreter or the code, the Python processes stay root: we say so, and
        PostgreSQL and Valkey, which root's home does not stop, still change.
        """
        data_dir = self._options.data_dir
        self._account = account_to_run_as(self._options.run_as)
        self._state = instance.state_directory(data_dir, self._account)
        self._python_account = self._account
        if self._account and not can_run(
            self._manage("version"),
            self._account,
            environ={**os.environ, "SECRET_KEY": "any", "DATA_DIR": str(data_dir)},
            working_directory=_BASE_DIR,
        ):
            self._python_account = None
            tell(
                f"User {self._account.name} cannot read {_BASE_DIR} or its Python, so the web server and the workers "
                "run as root. Put the project outside of root's home, or start it as another user."
            )
        instance.remove_old_sockets(data_dir)
        self._sockets = instance.socket_directory(self._account)
        instance.note_sockets(data_dir, self._sockets)

    # --- Services ------------------------------------------------------------------------------

    def _start_services(self) -> None:
        """Start PostgreSQL and Valkey unless addresses are given, and note where they are."""
        database_url, redis_url = self._options.database_url, self._options.redis_url
        postgres = None if database_url else self._postgres()
        valkey = None if redis_url else self._valkey()
        valkey_child = postgres_child = None
        if postgres:
            postgres.initialise()
            postgres_child = self._service(
                "postgres",
                postgres.command(RUNNING_SETTINGS),
                postgres.data,
                stop_signal=signal.SIGINT,
                stop_seconds=60,
            )
            postgres_child.death_signal = signal.SIGINT
            database_url = postgres.url()
            self._supervisor.start(postgres_child)
        if valkey:
            valkey_child = self._service(
                "valkey", valkey.command(), valkey.data, stop_signal=signal.SIGTERM, stop_seconds=20
            )
            valkey_child.death_signal = signal.SIGTERM
            redis_url = valkey.url()
            self._supervisor.start(valkey_child)
        if postgres and postgres_child:
            self._supervisor.wait_until(postgres_child, postgres.is_ready, seconds=_SERVICE_SECONDS)
            postgres.create_database()
        if valkey and valkey_child:
            self._supervisor.wait_until(valkey_child, valkey.is_ready, seconds=_SERVICE_SECONDS)
        found = services.Services(database_url=database_url, redis_url=redis_url)
        services.write(self._options.data_dir, found)
        self._environ = self._python_environ(found)

    def _postgres(self) -> PostgresServer:
        binaries = find_postgres()
        if self._account and not can_run([binaries / "postgres", "--version"], self._account):
            binaries = copy_postgres(binaries, self._state / "programs" / f"postgres-{_fingerprint(binaries)}")
        return PostgresServer(
            binaries=binaries,
            data=instance.private_directory(self._state / "postgres", self._account) / "data",
            socket_directory=self._existing_sockets(),
            account=self._account,
        )

    def _valkey(self) -> ValkeyServer:
        program = find_valkey()
        if self._account and not can_run([program, "--version"], self._account):
            program = copy_program(program, self._state / "programs" / f"valkey-{_fingerprint(program.parent)}")
        return ValkeyServer(
            program=program,
            data=instance.private_directory(self._state / "valkey", self._account),
            socket_directory=self._existing_sockets(),
        )

    def _existing_sockets(self) -> Path:
        if self._sockets is None:
            msg = "The places are not chosen yet."
            raise RuntimeError(msg)
        return self._sockets

    def _service(
        self, name: str, command: list[str | Path], directory: Path, *, stop_signal: int, stop_seconds: float
    ) -> Child:
        return Child(
            name=name,
            command=command,
            log=self._log(name),
            # The language of messages only; the locale of the data is fixed at initdb.
            environ={"PATH": os.defpath, "LC_ALL": "C"},
            working_directory=directory if directory.is_dir() else directory.parent,
            account=self._account,
            stop_signal=stop_signal,
            stop_seconds=stop_seconds,
            keep_open=[self._lock],
        )

    # --- Python processes ----------------------------------------------------------------------

    def _python_environ(self, found: services.Services) -> dict[str, str]:
        data_dir = self._options.data_dir
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "countly_profiles.settings",
            "DATA_DIR": str(data_dir),
            "DATABASE_URL": found.database_url,
            "REDIS_URL": found.redis_url,
            # Whose room on the disk is watched; a database elsewhere watches its own.
            "DATABASE_DIR": "" if self._options.database_url else str(self._state),
            "SECRET_KEY": os.environ.get("SECRET_KEY") or instance.secret_key(data_dir),
            "STATIC_ROOT": str(instance.private_directory(self._state / "static", self._python_account)),
            # Programs that write to their home must not find root's.
            "HOME": str(self._existing_sockets()),
            # Counters of all processes, added up by /metrics.
            "PROMETHEUS_MULTIPROC_DIR": str(
                instance.private_directory(self._existing_sockets() / "metrics", self._python_account)
            ),
            "PYTHONUNBUFFERED": "1",
        }

    def _manage(self, *arguments: str) -> list[str | Path]:
        return [sys.executable, _BASE_DIR / "manage.py", *arguments]

    def _prepare(self) -> Prepared:
        """Migrate, collect static files, make the administrator and the demo app."""
        arguments = ["--demo"] if self._options.is_demo else []
        with self._log("prepare").open("ab") as errors:
            process = spawn(
                self._manage("prepare_instance", *arguments),
                account=self._python_account,
                environ={**self._environ, "ADMIN_PASSWORD": instance.admin_password(self._options.data_dir)},
                output=subprocess.PIPE,
                errors=errors,
                working_directory=_BASE_DIR,
            )
            with process:
                written, _ = process.communicate()
        if process.returncode:
            tail = self._log("prepare").read_text(encoding="utf-8", errors="replace")[-3000:]
            msg = f"The database could not be prepared:\n{tail}"
            raise StartError(msg)
        return Prepared(**json.loads(written.decode().strip().splitlines()[-1]))

    def _start_python(self) -> None:
        """Start the web server, the workers and the clock; return when all of them are ready.

        What SDKs need comes first and has the processors for itself. They end in the opposite order: the clock, the
        workers (which finish the task in hand), the web server.
        """
        options = self._options
        web = self._python_child(
            "web",
            "gunicorn",
            *gunicorn_arguments(
                "countly_profiles.wsgi:application",
                bind=options.bind,
                workers=options.web_workers,
                threads=options.web_threads,
            ),
            stop_seconds=30,
            death_signal=signal.SIGQUIT,
        )
        ingest = self._worker("ingest", options.ingest_workers)
        derive = self._worker("derive", options.derive_workers)
        bulk = self._worker("bulk", options.bulk_workers)
        push = self._worker("push", options.push_workers)
        beat = self._python_child(
            "beat",
            "celery",
            "--app=countly_profiles",
            "--quiet",
            "beat",
            "--scheduler=celery.beat:Scheduler",  # in memory: what ran when does not matter after a restart
            "--pidfile=",
            stop_seconds=10,
        )
        self._supervisor.start(web)
        self._supervisor.start(ingest)
        self._supervisor.wait_until(web, self._is_web_ready, seconds=_PYTHON_SECONDS)
        self._supervisor.wait_until(ingest, self._ready_file(ingest.name).exists, seconds=_PYTHON_SECONDS)
        self._supervisor.start(derive, bulk, push)
        self._supervisor.start(beat)
        for worker in (derive, bulk, push):
            self._supervisor.wait_until(worker, self._ready_file(worker.name).exists, seconds=_PYTHON_SECONDS)

    def _worker(self, queue: str, processes: int) -> Child:
        return self._python_child(
            queue,
            "celery",
            "--app=countly_profiles",
            "--quiet",
            "worker",
            f"--queues={queue}",
            f"--hostname={queue}@%h",
            f"--concurrency={processes}",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
            stop_seconds=60,
        )

    def _python_child(
        self, name: str, module: str, *arguments: str, stop_seconds: float, death_signal: int = signal.SIGKILL
    ) -> Child:
        return Child(
            name=name,
            command=[sys.executable, "-m", module, *arguments],
            log=self._log(name),
            environ={**self._environ, "READY_FILE": str(self._ready_file(name))},
            working_directory=_BASE_DIR,
            account=self._python_account,
            stop_seconds=stop_seconds,
            death_signal=death_signal,
            keep_open=[self._lock],
        )

    def _ready_file(self, name: str) -> Path:
        return self._existing_sockets() / f"{name}.ready"

    def _is_web_ready(self) -> bool:
        return self._get("/__lbheartbeat__") is not None

    def _get(self, path: str) -> bytes | None:
        """Return what our own web server answers, or None when it does not, or not well."""
        host = self._options.address.removeprefix("http://").rsplit(":", 1)[0].strip("[]")
        connection = http.client.HTTPConnection(host, self._options.port, timeout=5)
        try:
            connection.request("GET", path, headers={"Host": "localhost"})
            answer = connection.getresponse()
            body = answer.read()
        except OSError:
            return None
        finally:
            connection.close()
        return body if answer.status == http.HTTPStatus.OK else None

    # --- The demo, and the line at the end -----------------------------------------------------

    def _send_demo_traffic(self, key: str) -> None:
        """Send a month of traffic through the front door; wait for it and its processing, but not for long."""
        tell("Sending demo traffic ...")
        arguments = ["--users", str(self._options.demo_users), "--days", str(self._options.demo_days)]
        if self._options.demo_seed:
            arguments += ["--seed", self._options.demo_seed]
        with self._log("demo").open("ab") as output:
            sender = self._sender = spawn(
                self._manage(_DEMO_COMMAND, key, *arguments, "--url", self._options.address.rstrip("/")),
                account=self._python_account,
                environ=self._environ,
                output=output,
                working_directory=_BASE_DIR,
                keep_open=[self._lock],
            )
        deadline = time.monotonic() + _DEMO_SECONDS
        while time.monotonic() < deadline:
            if sender.poll() is not None and self._is_backlog_empty():
                break
            self._supervisor.pause(0.2)
        if sender.poll():
            tell(f"The demo traffic could not be sent; see {self._log('demo')}.")

    def _stop_demo_traffic(self) -> None:
        if self._sender is not None:
            self._sender.kill()
            self._sender.wait()

    def _is_backlog_empty(self) -> bool:
        answer = self._get("/__heartbeat__")
        return answer is not None and json.loads(answer)["backlog"]["requests"] == 0

    def _say_ready(self, prepared: Prepared) -> None:
        data_dir = self._options.data_dir
        password = instance.admin_password(data_dir) if prepared.is_password_valid else "(as you set it)"
        line = f"Ready: {self._options.address} login: admin / {password}"
        if prepared.demo_key:
            line += f" demo app key: {prepared.demo_key}"
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def _log(self, name: str) -> Path:
        return self._options.data_dir / "log" / f"{name}.log"


def _fingerprint(directory: Path) -> str:
    """Name a version of the programs by the moment of their installation."""
    return format(directory.stat().st_mtime_ns, "x")
