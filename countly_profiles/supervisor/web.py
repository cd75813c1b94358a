"""How gunicorn serves, whatever application: benchmarks put an empty one under the same settings."""

from __future__ import annotations


def gunicorn_arguments(application: str, *, bind: str, workers: int, threads: int) -> list[str]:
    """Return gunicorn's command line after its name."""
    return [
        application,
        f"--bind={bind}",
        "--preload",  # one import for all workers: less memory, a quicker start
        f"--workers={workers}",
        "--worker-class=countly_profiles.gunicorn_worker.DoorWorker",
        f"--threads={threads}",
        "--timeout=60",
        "--graceful-timeout=25",
        "--keep-alive=15",
        "--limit-request-line=0",  # SDKs put whole batches in the query string
        "--no-control-socket",
        "--log-level=warning",
    ]
