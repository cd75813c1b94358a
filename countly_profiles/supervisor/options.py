"""What `up` is told by the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from countly_profiles import env

_LARGEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Options:
    """One instance's options; product names of the variables beside them."""

    data_dir: Path  # DATA_DIR
    host: str  # HOST
    port: int  # PORT
    database_url: str  # DATABASE_URL; empty: our own PostgreSQL
    redis_url: str  # REDIS_URL; empty: our own Valkey
    is_demo: bool  # DEMO
    run_as: str  # RUN_AS
    web_workers: int  # WEB_WORKERS
    web_threads: int  # WEB_THREADS
    ingest_workers: int  # INGEST_WORKERS
    derive_workers: int  # DERIVE_WORKERS
    bulk_workers: int  # BULK_WORKERS
    push_workers: int  # PUSH_WORKERS
    demo_users: int  # DEMO_USERS
    demo_days: int  # DEMO_DAYS
    demo_seed: str = ""  # DEMO_SEED, or --seed; empty: another demo each time

    @property
    def bind(self) -> str:
        """Return where the web server listens, in gunicorn's spelling."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def address(self) -> str:
        """Return the address that a browser on this machine uses."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.port}/"


def read(data_dir: Path, environ: Mapping[str, str] = os.environ) -> Options:
    """Read the options; raises ImproperlyConfigured with the variable's name."""
    redis_url = env.text("REDIS_URL", environ=environ)
    database_url = env.text("DATABASE_URL", environ=environ)
    if database_url:
        env.database("DATABASE_URL", database_url)
    return Options(
        data_dir=data_dir,
        host=env.text("HOST", "127.0.0.1", environ=environ),
        port=env.number("PORT", 8000, minimum=1, maximum=_LARGEST_PORT, environ=environ),
        database_url=database_url,
        redis_url=env.redis_url("REDIS_URL", redis_url) if redis_url else "",
        is_demo=env.flag("DEMO", default=True, environ=environ),
        run_as=env.text("RUN_AS", environ=environ),
        web_workers=env.number("WEB_WORKERS", 2, minimum=1, environ=environ),
        web_threads=env.number("WEB_THREADS", 8, minimum=1, environ=environ),
        ingest_workers=env.number("INGEST_WORKERS", 2, minimum=1, environ=environ),
        derive_workers=env.number("DERIVE_WORKERS", 1, minimum=1, environ=environ),
        bulk_workers=env.number("BULK_WORKERS", 1, minimum=1, environ=environ),
        push_workers=env.number("PUSH_WORKERS", 1, minimum=1, environ=environ),
        demo_users=env.number("DEMO_USERS", 300, minimum=1, environ=environ),
        demo_days=env.number("DEMO_DAYS", 30, minimum=1, environ=environ),
        demo_seed=str(env.number("DEMO_SEED", 0, environ=environ)) if env.text("DEMO_SEED", environ=environ) else "",
    )
