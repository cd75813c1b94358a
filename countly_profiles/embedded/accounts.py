"""Which user the servers run as, and whether that user can read what they need."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from countly_profiles.embedded.spawning import Account, run

# On every system; it owns nothing.
_UNPRIVILEGED = "nobody"


class NoAccountError(Exception):
    """There is no user to drop root's rights to."""


def account_to_run_as(wanted: str = "") -> Account | None:
    """Return the user to change to, or None where we are not root and run as ourselves.

    PostgreSQL refuses to run as root, and nothing here needs root's rights. The owner of the
    checkout comes before `nobody`, because only the owner may be able to read it.
    """
    if os.geteuid() != 0:
        return None
    if wanted:
        entry = _entry_by_name(wanted)
    else:
        entry = _entry_by_number(Path(__file__).stat().st_uid) or _entry_by_name(_UNPRIVILEGED)
    if entry is None:
        name = wanted or _UNPRIVILEGED
        msg = f"Started as root, and there is no unprivileged user {name!r} to run the servers as; set RUN_AS."
        raise NoAccountError(msg)
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def _entry_by_name(name: str) -> pwd.struct_passwd | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return entry if entry.pw_uid else None


def _entry_by_number(uid: int) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(uid) if uid else None
    except KeyError:
        return None


def can_run(
    command: Sequence[str | Path],
    account: Account | None,
    *,
    environ: Mapping[str, str] | None = None,
    working_directory: Path | None = None,
) -> bool:
    """Tell whether this user can really run the command: tried, not derived from modes."""
    try:
        status, _ = run(command, account=account, environ=environ, working_directory=working_directory)
    except (OSError, subprocess.SubprocessError):
        return False
    return status == 0
