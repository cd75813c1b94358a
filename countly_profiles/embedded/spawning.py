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
    errors: IO[bytes] | None = None,
    death_signal: int = signal.SIGKILL,
    working_directory: Path | None = None,
    keep_open: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own that gets `death_signal` when we end.

    Call it from the main thread: the kernel watches the thread, not the process. The session keeps
    Ctrl-C in the terminal away from the child, so that we decide the order of the end. Errors go where
    the output goes unless they are given a file of their own. The child and
    its children inherit the file descriptors in `keep_open`.
    """
    return subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors if errors is not None else subprocess.STDOUT if output is not None else None,
        env=dict(environ) if environ is not None else None,
        cwd=working_directory,
        pass_fds=tuple(keep_open),
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        preexec_fn=_before_exec(death_signal),  # safe: there are no other threads here
    )


def run(
    command: Sequence[str | Path],
    *,
    account: Account | None = None,
    environ: Mapping[str, str] | None = None,
    working_directory: Path | None = None,
) -> tuple[int, str]:
    """Run a command to its end; return its exit status and what it wrote."""
    process = spawn(
        command, account=account, environ=environ, output=subprocess.PIPE, working_directory=working_directory
    )
    with process:
        try:
            written, _ = process.communicate()
        except BaseException:
            process.kill()
            raise
    return process.returncode, written.decode(errors="replace").strip()
