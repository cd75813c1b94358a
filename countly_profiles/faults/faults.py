"""The faults: one function each, declared in one list. A fault returns when it is over and the system may get well."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import psycopg2
import redis

from countly_profiles.faults.instance import NAMES, Instance, children_of, family_of, frozen, send

FROZEN_SECONDS = 6.0
CLOSED_SECONDS = 2.0
LOST_SECONDS = 150.0  # minutes: longer than any pause or timeout between the parts
LOCKED_SECONDS = 12.0  # longer than the time limit of a page's part
MOST_WAITING = 300  # requests, where the database is to seem unable to keep up
TASKS_AT_ONCE = 150
DISK_MB = 400  # of the small file system: an empty database, its log, and some room
DISK_RESERVE_MB = 64
_FILLER = "filler"
_FILL_BYTES = 1 << 20


class Setting(Enum):
    """The instance that a fault needs."""

    COMMON = "common"
    SMALL_DISK = "small disk"  # the data directory on a small file system
    SHORT_QUEUE = "short queue"  # few requests may wait


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong."""

    name: str
    happen: Callable[[Instance, random.Random], None]
    setting: Setting = Setting.COMMON


def _kill(name: str) -> Callable[[Instance, random.Random], None]:
    def happen(instance: Instance, _dice: random.Random) -> None:
        send(instance.process(name), signal.SIGKILL)

    return happen


def _kill_a_child_of(name: str) -> Callable[[Instance, random.Random], None]:
    def happen(instance: Instance, dice: random.Random) -> None:
        send(dice.choice(children_of(instance.process(name))), signal.SIGKILL)

    return happen


def _nothing(_instance: Instance, _dice: random.Random) -> None:
    """Only traffic: what the kit says of an instance that is well."""


def _kill_ingest_in_batch(instance: Instance, _dice: random.Random) -> None:
    family = _gather_batch(instance)
    for process in family:
        send(process, signal.SIGKILL)


def _kill_postgres_in_batch(instance: Instance, _dice: random.Random) -> None:
    _gather_batch(instance)
    send(instance.process("postgres"), signal.SIGKILL)


def _restart_postgres_in_batch(instance: Instance, _dice: random.Random) -> None:
    _gather_batch(instance)
    send(instance.process("postgres"), signal.SIGINT)


def _gather_batch(instance: Instance) -> list[int]:
    """Let requests gather for a large batch; return the ingest worker's processes when one is under way."""
    family = family_of(instance.process("ingest"))
    with frozen(*family):
        time.sleep(2.0)
    instance.wait_for_batch()
    return family


def _kill_postgres_backend(instance: Instance, _dice: random.Random) -> None:
    """Kill one server process of the database: PostgreSQL ends all connections and recovers by itself."""
    (backend,) = instance.rows(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1"
    )[0]
    send(backend, signal.SIGKILL)


def _restart_everything(instance: Instance, _dice: random.Random) -> None:
    instance.kill_supervisor()
    instance.launch()


def _restart_in_order(instance: Instance, _dice: random.Random) -> None:
    instance.end()
    instance.launch()


def _freeze_valkey(instance: Instance, _dice: random.Random) -> None:
    with frozen(instance.process("valkey")):
        time.sleep(FROZEN_SECONDS)


def _freeze_postgres(instance: Instance, _dice: random.Random) -> None:
    with frozen(*family_of(instance.process("postgres"))):
        time.sleep(FROZEN_SECONDS)


def _lock_events(instance: Instance, _dice: random.Random) -> None:
    """Lock the events away from everybody: nothing can be applied, and parts of pages run out of time."""
    with closing(psycopg2.connect(instance.services().database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE profiles_event IN ACCESS EXCLUSIVE MODE")
        time.sleep(LOCKED_SECONDS)


def _let_nothing_be_applied(instance: Instance, _dice: random.Random) -> None:
    """Let more wait than may: SDKs are asked to come later, for the reason that health tells."""
    with frozen(*family_of(instance.process("ingest"))):
        instance.wait_until_intake_is_closed("backlog")
        time.sleep(CLOSED_SECONDS)


def _kill_several(instance: Instance, dice: random.Random) -> None:
    """Kill three parts within a second."""
    for name in dice.sample(NAMES, 3):
        if process := instance.processes().get(name):
            send(process, signal.SIGKILL)
        time.sleep(dice.uniform(0.0, 0.5))


def _freeze_ingest(instance: Instance, _dice: random.Random) -> None:
    with frozen(*family_of(instance.process("ingest"))):
        time.sleep(FROZEN_SECONDS)


def _delay_valkey(instance: Instance, dice: random.Random) -> None:
    """Freeze the broker again and again for a short while: every answer is late."""
    process = instance.process("valkey")
    until = time.monotonic() + FROZEN_SECONDS
    while time.monotonic() < until:
        with frozen(process):
            time.sleep(dice.uniform(0.1, 0.6))
        time.sleep(0.05)


def _lose_broker(instance: Instance, _dice: random.Random) -> None:
    """Cut every connection to the broker, and let nobody connect again for long."""
    socket = Path(instance.services().redis_url.removeprefix("unix://"))
    hidden = socket.with_suffix(".hidden")
    socket.rename(hidden)
    try:
        with redis.Redis.from_url(f"unix://{hidden}") as broker:
            for kind in ("normal", "pubsub"):
                broker.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        time.sleep(LOST_SECONDS)
    finally:
        hidden.rename(socket)


def _forget_broker(instance: Instance, _dice: random.Random) -> None:
    """Empty the broker: every task on its way is lost."""
    with redis.Redis.from_url(instance.services().redis_url) as broker:
        broker.flushall()


def _deliver_tasks_twice(instance: Instance, _dice: random.Random) -> None:
    with instance.celery() as client:
        for number in range(TASKS_AT_ONCE):
            client.send_task("ingest.tasks.apply_waiting", queue="ingest", task_id=f"twice-{number // 2}")


def _run_second_worker(instance: Instance, _dice: random.Random) -> None:
    """Run a second ingest worker on all shards beside the first, and kill it in the middle of a batch."""
    with _second_worker(instance) as worker:
        time.sleep(6.0)
        for _ in range(3):
            with instance.celery() as client:
                for _ in range(8):
                    client.send_task("ingest.tasks.apply_waiting", queue="ingest")
            time.sleep(0.5)
        instance.wait_for_batch()
        for process in family_of(worker):
            send(process, signal.SIGKILL)


@contextmanager
def _second_worker(instance: Instance) -> Iterator[int]:
    command = [sys.executable, "-m", "celery", "--app=countly_profiles", "--quiet", "worker", "--queues=ingest"]
    command += ["--hostname=second@%h", "--concurrency=2", "--without-gossip", "--without-mingle"]
    with (instance.data_dir / "log" / "second.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            env=dict(instance.environ_of("ingest")),
            stdout=log,
            stderr=log,
            cwd=instance.project,
            start_new_session=True,
        )
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _fill_disk_nearly(instance: Instance, _dice: random.Random) -> None:
    """Fill the disk up to the reserve: SDKs are asked to come later, and what was taken is applied."""
    _with_full_disk(instance, left_bytes=DISK_RESERVE_MB * 1024 * 1024 * 3 // 4, reason="disk")


def _fill_disk(instance: Instance, _dice: random.Random) -> None:
    """Fill the disk to its last byte: of the database, of logs and of whatever else is written there."""
    _with_full_disk(instance, left_bytes=0, reason="")  # by then the database may not answer either


def _with_full_disk(instance: Instance, *, left_bytes: int, reason: str) -> None:
    filler = instance.data_dir / _FILLER
    try:
        with filler.open("wb", buffering=0) as file:
            while instance.free_bytes() > left_bytes:
                try:
                    file.write(b"\0" * min(_FILL_BYTES, max(4096, instance.free_bytes() - left_bytes)))
                except OSError:
                    break
        instance.wait_until_intake_is_closed(reason)
        time.sleep(FROZEN_SECONDS)
    finally:
        filler.unlink()


def all_faults() -> list[Fault]:
    """Return every fault, in the order of a full run."""
    return [
        Fault("none, only traffic", _nothing),
        Fault("kill -9 gunicorn", _kill("web")),
        Fault("kill -9 a web worker", _kill_a_child_of("web")),
        Fault("kill -9 ingest worker", _kill("ingest")),
        Fault("kill -9 a process of the ingest worker", _kill_a_child_of("ingest")),
        Fault("kill -9 ingest worker in a batch", _kill_ingest_in_batch),
        Fault("kill -9 derive worker", _kill("derive")),
        Fault("kill -9 bulk worker", _kill("bulk")),
        Fault("kill -9 push worker", _kill("push")),
        Fault("kill -9 beat", _kill("beat")),
        Fault("kill -9 Valkey", _kill("valkey")),
        Fault("kill -9 PostgreSQL", _kill("postgres")),
        Fault("kill -9 a PostgreSQL backend", _kill_postgres_backend),
        Fault("kill -9 PostgreSQL in a batch", _kill_postgres_in_batch),
        Fault("PostgreSQL restarts in a batch", _restart_postgres_in_batch),
        Fault("kill -9 supervisor, start again", _restart_everything),
        Fault("orderly end, start again", _restart_in_order),
        Fault("Valkey frozen", _freeze_valkey),
        Fault("Valkey slow", _delay_valkey),
        Fault("Valkey emptied", _forget_broker),
        Fault("Valkey lost for minutes", _lose_broker),
        Fault("PostgreSQL frozen", _freeze_postgres),
        Fault("ingest worker frozen", _freeze_ingest),
        Fault("tasks delivered twice", _deliver_tasks_twice),
        Fault("two ingest workers, one killed", _run_second_worker),
        Fault("events locked", _lock_events),
        Fault("kill -9 three parts at once", _kill_several),
        Fault("backlog too long", _let_nothing_be_applied, Setting.SHORT_QUEUE),
        Fault("disk nearly full", _fill_disk_nearly, Setting.SMALL_DISK),
        Fault("disk full", _fill_disk, Setting.SMALL_DISK),
    ]


def short_faults() -> list[Fault]:
    """Return the few that every test run can afford."""
    return [fault for fault in all_faults() if fault.name in _SHORT]


_SHORT = frozenset(
    {
        "kill -9 gunicorn",
        "kill -9 ingest worker in a batch",
        "kill -9 Valkey",
        "kill -9 PostgreSQL",
        "backlog too long",
    }
)
