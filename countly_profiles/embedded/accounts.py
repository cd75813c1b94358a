"""Which user the servers run as, and whether that user can read what they need."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from countly_profiles.embedded.spawning import Account, run_as

# On every system; root may name another user by RUN_AS.
_UNPRIVILEGED_NAMES = ("nobody",)


class NoAccountError(Exception):
    """There is no user to drop root's rights to."""


def account_to_run_as(wanted: str = "") -> Account | None:
    """Return the user to change to, or None where we are not root and run as ourselves.

    PostgreSQL refuses to run as root, and nothing here needs root's rights.
    """
    if os.geteuid() != 0:
        return None
    for name in (wanted,) if wanted else _UNPRIVILEGED_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    msg = f"Started as root, and there is no user {wanted or _UNPRIVILEGED_NAMES[0]!r} to run the servers as; set RUN_AS."
    raise NoAccountError(msg)


def can_run(command: list[str | Path], account: Account, *, working_directory: Path | None = None) -> bool:
    """Tell whether this user can really run the command: tried, not derived from modes."""
    try:
        return run_as(command, account=account, working_directory=working_directory).returncode == 0
    except OSError:
        return False
