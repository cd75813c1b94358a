"""One PostgreSQL server on a private Unix socket: its files, its command line, when it is ready."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg2

from countly_profiles.embedded.binaries import postgres_major_version
from countly_profiles.embedded.spawning import Account, run

OWNER = "countly"
DATABASE = "countly"
_FIRST_WITH_BUILTIN_LOCALE = 17

# A middling machine; whoever needs other figures runs their own PostgreSQL and sets DATABASE_URL.
RUNNING_SETTINGS = {
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "random_page_cost": "1.1",  # solid state
    "log_checkpoints": "off",
    "jit": "off",  # our statements are short: compiling them costs more than it saves
}
# Only for databases that are thrown away.
CARELESS_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "jit": "off",
    "autovacuum": "off",
}


class PostgresError(Exception):
    """The server could not be made or started; the message says why."""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """Where one server's programs, data and socket are, and who it runs as."""

    binaries: Path
    data: Path
    socket_directory: Path
    account: Account | None = None

    def url(self, database: str = DATABASE) -> str:
        """Return the address by socket. Whoever can enter the private socket directory is trusted."""
        return f"postgresql:///{database}?host={quote(str(self.socket_directory))}&user={OWNER}"

    def initialise(self, *, is_throwaway: bool = False) -> None:
        """Make the data directory unless it is there; refuse one of another major version."""
        version = postgres_major_version(self.binaries)
        marker = self.data / "PG_VERSION"
        if marker.exists():
            made_by = marker.read_text(encoding="ascii").strip()
            if made_by != str(version):
                msg = (
                    f"{self.data} was made by PostgreSQL {made_by}, the programs here are {version}. "
                    "Dump it with the old version and load it with the new one, or use another DATA_DIR."
                )
                raise PostgresError(msg)
            return
        if self.data.exists():  # an initdb that was interrupted; PG_VERSION is among its first files
            shutil.rmtree(self.data)
        # Made aside and moved in place, so that a kill in between does not leave half a database.
        draft = self.data.with_name(self.data.name + ".draft")
        shutil.rmtree(draft, ignore_errors=True)
        command: list[str | Path] = [self.binaries / "initdb", "--pgdata", draft, "--username", OWNER]
        command += ["--auth-local", "trust", "--auth-host", "reject", "--encoding", "UTF8", "--locale", "C"]
        if version >= _FIRST_WITH_BUILTIN_LOCALE:
            command += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        else:
            command += ["--lc-ctype", "C.UTF-8"]
        if is_throwaway:
            command.append("--no-sync")
        status, written = run(command, account=self.account, working_directory=self.data.parent)
        if status:
            msg = f"initdb failed:\n{written}"
            raise PostgresError(msg)
        draft.rename(self.data)

    def command(self, settings: dict[str, str]) -> list[str | Path]:
        """Return the command line of the server. It listens on no port; its clocks and logs are UTC."""
        fixed = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_directory),
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "logging_collector": "off",
        }
        options = [f"-c{name}={value}" for name, value in {**settings, **fixed}.items()]
        return [self.binaries / "postgres", "-D", self.data, *options]

    def is_ready(self) -> bool:
        """Tell whether the server answers."""
        try:
            with closing(psycopg2.connect(self.url("postgres"), connect_timeout=5)):
                return True
        except psycopg2.OperationalError:
            return False

    def create_database(self) -> None:
        """Make our database if it is missing."""
        with closing(psycopg2.connect(self.url("postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
                if cursor.fetchone() is None:
                    cursor.execute(f'CREATE DATABASE "{DATABASE}"')
