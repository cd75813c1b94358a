"""What one instance keeps on disk: its lock, its secrets, where its servers' data and sockets are."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from countly_profiles import services
from countly_profiles.embedded.accounts import can_run
from countly_profiles.embedded.spawning import Account

_LOCK_FILE = "lock"
_ADMIN_PASSWORD_FILE = "admin_password"  # noqa: S105 - the name of a file
_ID_FILE = "instance"
_SOCKET_PREFIX = "countly-run-"
# The kernel's limit for a socket's path is 107 bytes (103 on macOS); the longest name here is ".s.PGSQL.5432".
_LONGEST_SOCKET_DIRECTORY = 103 - len("/.s.PGSQL.5432")
# Processes of a killed supervisor end by themselves within this time.
_REMNANTS_SECONDS = 30.0


class InstanceError(Exception):
    """This instance cannot run here; the message says why."""


def open_data_directory(data_dir: Path) -> Path:
    """Make DATA_DIR if needed and return it."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        (data_dir / "log").mkdir(exist_ok=True)
    except OSError as error:
        msg = f"DATA_DIR {data_dir} cannot be made: {error.strerror}."
        raise InstanceError(msg) from None
    if not os.access(data_dir, os.W_OK | os.X_OK):
        msg = f"DATA_DIR {data_dir} belongs to another user; run as that user or set another DATA_DIR."
        raise InstanceError(msg)
    return data_dir


def lock(data_dir: Path) -> int:
    """Take DATA_DIR for this process and its children; return the open file that holds the lock.

    Children inherit the file, so the lock is free only when the last of them is gone. After a
    kill -9 of the supervisor this waits for the rest to end instead of starting beside it.
    """
    path = data_dir / _LOCK_FILE
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except PermissionError:
        msg = f"{path} belongs to another user; run as that user or set another DATA_DIR."
        raise InstanceError(msg) from None
    deadline = time.monotonic() + _REMNANTS_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError as error:
            if error.errno not in {errno.EAGAIN, errno.EACCES}:
                raise
        holder = path.read_text(encoding="ascii").strip()
        if _is_alive(holder) or time.monotonic() > deadline:
            os.close(descriptor)
            msg = f"DATA_DIR {data_dir} is in use by a running instance (process {holder or 'unknown'})."
            raise InstanceError(msg)
        time.sleep(0.1)
    os.truncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
    return descriptor


def _is_alive(process_id: str) -> bool:
    if not process_id.isdigit():
        return False
    try:
        os.kill(int(process_id), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _secret(path: Path, *, characters: int) -> str:
    """Return the secret in this file, made at the first call and readable by its owner only."""
    if path.exists():
        return path.read_text(encoding="utf-8").strip()
    value = secrets.token_urlsafe(characters)[:characters]
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(value + "\n")
    draft.replace(path)
    return value


def secret_key(data_dir: Path) -> str:
    """Return Django's key for this instance."""
    return _secret(data_dir / services.SECRET_KEY_FILE_NAME, characters=64)


def admin_password(data_dir: Path) -> str:
    """Return the password that the first administrator is made with."""
    return _secret(data_dir / _ADMIN_PASSWORD_FILE, characters=16)


@dataclass(frozen=True, slots=True)
class Places:
    """Directories that the servers own."""

    state: Path
    sockets: Path


def state_directory(data_dir: Path, account: Account | None) -> Path:
    """Return a directory that `account` can reach and DATA_DIR stands for.

    Normally DATA_DIR itself. As root with a DATA_DIR that the unprivileged user cannot enter (below
    root's home, say), a directory under /var/lib with the random name that DATA_DIR keeps: with
    another or a removed DATA_DIR the instance is another one.
    """
    if account is None or _can_enter(data_dir, account):
        return data_dir
    name = _secret(data_dir / _ID_FILE, characters=16)
    for parent in (Path("/var/lib"), Path("/var/tmp")):  # noqa: S108 - made 0755 by us, its parts 0700
        directory = parent / "countly-profiles" / name
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o755)
        except OSError:
            continue
        if _can_enter(directory, account):
            return directory
    msg = f"User {account.name} can enter neither {data_dir} nor /var/lib; set DATA_DIR to a place outside root's home."
    raise InstanceError(msg)


def _can_enter(directory: Path, account: Account) -> bool:
    # Not by the working directory of a child: that is changed to before its user is.
    return can_run(["/bin/sh", "-c", 'cd "$1"', "sh", directory], account, working_directory=Path("/"))


def private_directory(path: Path, account: Account | None) -> Path:
    """Make a directory that only its owner enters, and give it with all it holds to `account`."""
    path.mkdir(exist_ok=True, mode=0o700)
    if account and path.stat().st_uid != account.uid:
        for entry in (*path.rglob("*"), path):  # the directory last: it says that all is done
            os.chown(entry, account.uid, account.gid, follow_symlinks=False)
    if not account and path.stat().st_uid != os.geteuid():
        msg = f"{path} belongs to another user; run as that user or set another DATA_DIR."
        raise InstanceError(msg)
    return path


def socket_directory(account: Account | None) -> Path:
    """Make a new private directory with a short path for sockets."""
    parent = tempfile.gettempdir()
    if len(parent) + len(_SOCKET_PREFIX) + 10 > _LONGEST_SOCKET_DIRECTORY:
        parent = "/tmp"  # noqa: S108 - mkdtemp makes an unguessable directory of mode 0700
    directory = Path(tempfile.mkdtemp(prefix=_SOCKET_PREFIX, dir=parent))
    if account:
        os.chown(directory, account.uid, account.gid)
    return directory


def remove_old_sockets(data_dir: Path) -> None:
    """Remove the socket directory that a killed run of this DATA_DIR left."""
    note = data_dir / "sockets"
    if note.exists():
        left = Path(note.read_text(encoding="utf-8").strip())
        if left.name.startswith(_SOCKET_PREFIX):
            shutil.rmtree(left, ignore_errors=True)
        note.unlink()


def note_sockets(data_dir: Path, directory: Path) -> None:
    """Remember the socket directory for `remove_old_sockets`."""
    (data_dir / "sockets").write_text(f"{directory}\n", encoding="utf-8")
