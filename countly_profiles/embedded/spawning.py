"""Starting child processes so that none outlives its parent, as another user where that is asked."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the operating system."""

    name: str
    uid: int
    gid: int


def send_when_parent_ends(signal_number: int, *, expected_parent: int) -> None:
    """Ask the kernel to signal this process when the thread that started it is gone.

    Linux only; elsewhere a killed parent leaves its children. Must run after a change of user,
    which clears the request.
    """
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
    if os.getppid() != expected_parent:  # it ended before we asked
        os.kill(os.getpid(), signal_number)


def _before_exec(death_signal: int) -> Callable[[], None]:
    parent = os.getpid()

    def prepare() -> None:
        send_when_parent_ends(death_signal, expected_parent=parent)

    return prepare


def spawn(
    command: Sequence[str | Path],
    *,
    account: Account | None = None,
    environ: Mapping[str, str] | None = None,
    output: int | IO[bytes] | None = None,
    death_signal: int = signal.SIGKILL,
    working_directory: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own that gets `death_signal` when we end.

    Call it from the main thread: the kernel watches the thread, not the process. The session keeps
    Ctrl-C in the terminal away from the child, so that we decide the order of the end.
    """
    return subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        env=dict(environ) if environ is not None else None,
        cwd=working_directory,
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        preexec_fn=_before_exec(death_signal),  # noqa: PLW1509 - no threads are running here
    )


def run_as(
    command: Sequence[str | Path],
    *,
    account: Account | None = None,
    environ: Mapping[str, str] | None = None,
    working_directory: Path | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a short command to its end and return what it wrote; never raises for its exit status."""
    return subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(environ) if environ is not None else None,
        cwd=working_directory,
        check=False,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
