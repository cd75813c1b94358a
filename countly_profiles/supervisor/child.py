"""One supervised process: how it is started, ended, logged, and when it may start again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from countly_profiles.embedded.spawning import Account, spawn
from countly_profiles.supervisor.backoff import failures_after, restart_delay

_LARGEST_LOG_BYTES = 10_000_000
_TAIL_BYTES = 3_000


@dataclass
class Child:
    """A process that should always run, with the signals that it understands.

    `stop_signal` asks for an orderly end and `stop_seconds` is how long that may take.
    `death_signal` is what the kernel sends if the supervisor itself is killed.
    """

    name: str
    command: Sequence[str | Path]
    log: Path
    environ: Mapping[str, str]
    working_directory: Path
    account: Account | None = None
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 10
    death_signal: int = signal.SIGKILL
    keep_open: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _started_at: float = field(default=0.0, init=False)
    _failures: int = field(default=0, init=False)
    _start_again_at: float | None = field(default=None, init=False)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the process; its output is appended to the log."""
        with self.log.open("ab") as output:
            self.process = spawn(
                self.command,
                account=self.account,
                environ=self.environ,
                output=output,
                death_signal=self.death_signal,
                working_directory=self.working_directory,
                keep_open=self.keep_open,
            )
        self._started_at = time.monotonic()
        self._start_again_at = None
        return self.process

    def revive(self) -> str:
        """Start the process again if it ended and its pause is over. Return what happened, for the log."""
        status = self._end()
        if status is None:
            return ""
        now = time.monotonic()
        if self._start_again_at is None:
            self._failures = failures_after(self._failures, ran_seconds=now - self._started_at)
            delay = restart_delay(self._failures)
            self._start_again_at = now + delay
            return f"{self.name} {describe_exit(status)}; starting it again in {delay:g} s (see {self.log})"
        if now < self._start_again_at:
            return ""
        self.start()
        return f"{self.name} started again"

    def _end(self) -> int | None:
        """Return the exit status if the process ended. What it left of its session is killed first.

        The workers of a killed gunicorn would go on listening for half a minute, and nobody else could.
        """
        if self.process is None:
            return None
        if self.process.returncode is None:
            if os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return None
            # Not waited for yet, so nobody else can have got its number.
            with suppress(PermissionError):  # macOS, where nobody is left
                os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()

    def ask_to_stop(self) -> None:
        """Send the orderly signal, if the process runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)

    def wait_for_end(self) -> str:
        """Wait for the end and kill the process when it takes too long. Return a complaint, or nothing."""
        if self.process is None:
            return ""
        try:
            self.process.wait(timeout=self.stop_seconds)
        except subprocess.TimeoutExpired:
            self._kill_session()
            return f"{self.name} did not end within {self.stop_seconds:g} s and was killed"
        return ""

    def _kill_session(self) -> None:
        """Kill the process and what it started: it leads a session, and so a process group, of its own."""
        if self.process is None:
            return
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def log_tail(self) -> str:
        """Return the last lines that the process wrote."""
        with self.log.open("rb") as written:
            size = written.seek(0, os.SEEK_END)
            written.seek(max(0, size - _TAIL_BYTES))
            return written.read().decode(errors="replace").strip()

    def rotate_log(self) -> None:
        """Keep the log below its size with one predecessor. The process appends, so the file is cut in place."""
        if self.log.exists() and self.log.stat().st_size > _LARGEST_LOG_BYTES:
            shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
            os.truncate(self.log, 0)


def describe_exit(status: int) -> str:
    """Say how a process ended."""
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"
