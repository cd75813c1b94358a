import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from countly_profiles.supervisor import instance, options
from countly_profiles.supervisor.backoff import failures_after, restart_delay
from countly_profiles.supervisor.child import Child, describe_exit


def a_child(directory: Path, code: str, **settings: float) -> Child:
    return Child(
        name="sample",
        command=[sys.executable, "-c", code],
        log=directory / "sample.log",
        environ=dict(os.environ),
        working_directory=directory,
        **settings,  # type: ignore[arg-type]
    )


def test_pauses_double_up_to_half_a_minute() -> None:
    assert [restart_delay(failures) for failures in (1, 2, 3, 7, 100)] == [0.5, 1.0, 2.0, 5.0, 5.0]


def test_a_long_run_ends_a_series_of_failures() -> None:
    assert failures_after(5, ran_seconds=1) == 6
    assert failures_after(5, ran_seconds=11) == 1


def test_a_child_that_ended_is_started_again_after_its_pause(tmp_path: Path) -> None:
    child = a_child(tmp_path, "print('here')")
    child.start().wait()
    assert "ended with status 0; starting it again in 0.5 s" in child.revive()
    assert child.revive() == ""
    time.sleep(0.6)
    assert child.revive() == "sample started again"
    child.wait_for_end()
    assert child.log_tail() == "here\nhere"


def test_a_child_that_does_not_end_is_killed_with_its_own_children(tmp_path: Path) -> None:
    code = (
        "import signal, subprocess, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
    )
    child = a_child(tmp_path, code, stop_seconds=0.2)
    child.start()
    while not child.log_tail():
        time.sleep(0.02)
    child.ask_to_stop()
    assert "was killed" in child.wait_for_end()
    grandchild = Path(f"/proc/{child.log_tail()}/stat")
    time.sleep(0.1)
    assert not grandchild.exists() or grandchild.read_text().split()[2] == "Z"


def test_what_a_killed_child_leaves_is_killed_before_it_starts_again(tmp_path: Path) -> None:
    code = "import subprocess, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
    child = a_child(tmp_path, code)
    process = child.start()
    while not child.log_tail():
        time.sleep(0.02)
    process.kill()
    while not (told := child.revive()):
        time.sleep(0.02)
    assert "was ended by SIGKILL" in told
    grandchild = Path(f"/proc/{child.log_tail()}/stat")
    time.sleep(0.1)
    assert not grandchild.exists() or grandchild.read_text().split()[2] == "Z"


def test_a_log_that_grew_is_cut_and_one_predecessor_kept(tmp_path: Path) -> None:
    child = a_child(tmp_path, "")
    child.log.write_bytes(b"x" * 10_000_001)
    child.rotate_log()
    assert child.log.stat().st_size == 0
    assert child.log.with_suffix(".log.1").stat().st_size == 10_000_001


def test_it_says_how_a_process_ended() -> None:
    assert describe_exit(-signal.SIGKILL) == "was ended by SIGKILL"
    assert describe_exit(3) == "ended with status 3"


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    password = instance.admin_password(tmp_path)
    assert instance.admin_password(tmp_path) == password
    assert len(password) == 16
    assert (tmp_path / "admin_password").stat().st_mode & 0o777 == 0o600


def test_one_data_directory_holds_one_instance(tmp_path: Path) -> None:
    held = instance.lock(tmp_path)
    with pytest.raises(instance.InstanceError, match=f"in use by a running instance .process {os.getpid()}"):
        instance.lock(tmp_path)
    os.close(held)
    os.close(instance.lock(tmp_path))


def test_sockets_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    left = instance.socket_directory(None)
    instance.note_sockets(tmp_path, left)
    instance.remove_old_sockets(tmp_path)
    assert not left.exists()
    instance.remove_old_sockets(tmp_path)


def test_a_socket_path_fits_where_the_temporary_directory_is_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/" + "deep/" * 20)
    directory = instance.socket_directory(None)
    directory.rmdir()
    assert len(str(directory / ".s.PGSQL.5432")) <= 103


def test_options_have_their_products_names(tmp_path: Path) -> None:
    read = options.read(tmp_path, {"PORT": "8123", "DEMO": "0", "HOST": "0.0.0.0"})
    assert (read.port, read.is_demo, read.bind, read.address) == (8123, False, "0.0.0.0:8123", "http://127.0.0.1:8123/")


@pytest.mark.parametrize("environ", [{"PORT": "0"}, {"PORT": "http"}, {"DATABASE_URL": "mysql://x/y"}, {"DEMO": "2"}])
def test_a_bad_option_names_its_variable(environ: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match=next(iter(environ))):
        options.read(tmp_path, environ)


PARENT = """
import signal, subprocess, sys, time
for number in (signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda number, _frame: signal.signal(number, signal.SIG_DFL))
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]])
sys.exit(child.wait())
"""
WATCHER = """
import time
from countly_profiles.supervisor.parent import Parent
parent = Parent()
print("watching", parent.was_interrupted(), flush=True)
deadline = time.monotonic() + 30
while not parent.was_interrupted() and time.monotonic() < deadline:
    time.sleep(0.02)
print("seen", parent.was_interrupted(), flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="what a process catches is told by Linux only")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_an_interrupt_of_make_alone_is_seen(number: signal.Signals) -> None:
    command = [sys.executable, "-c", PARENT, WATCHER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=settings.BASE_DIR) as make:
        assert make.stdout
        assert make.stdout.readline() == "watching False\n"
        make.send_signal(number)
        assert make.stdout.readline() == "seen True\n"
