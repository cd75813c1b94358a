"""Health for machines: is it up, how are the parts it needs, how far behind is it (Dockerflow, Prometheus)."""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Iterable

import redis
import structlog
from django.conf import settings
from django.db import Error as DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ingest import inbox, pressure

log = structlog.get_logger(__name__)

_BROKER_SECONDS = 2.0
# A backlog is not a failure: requests are safe and wait. A backlog this old says that no worker takes them.
_OLDEST_HEALTHY_SECONDS = 300.0


def _is_database_well() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        log.warning("database does not answer", exc_info=True)
        return False
    return True


def _is_broker_well() -> bool:
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=_BROKER_SECONDS, socket_connect_timeout=_BROKER_SECONDS
    )
    try:
        return bool(client.ping())
    except redis.exceptions.RedisError:
        log.warning("broker does not answer", exc_info=True)
        return False
    finally:
        client.close()


@never_cache
@require_safe
def heartbeat(_request: HttpRequest) -> JsonResponse:
    """Tell how the database, the broker and the backlog are; 503 unless all are well.

    Without the broker requests are still taken and safe; they are applied when it is back.
    """
    is_database_well = _is_database_well()
    is_broker_well = _is_broker_well()
    backlog: dict[str, float | None] = {"requests": None, "age_seconds": None}
    is_backlog_well = False
    under_pressure = pressure.Pressure.NONE
    if is_database_well:
        requests, age_seconds = inbox.backlog()
        backlog = {"requests": requests, "age_seconds": round(age_seconds, 3)}
        is_backlog_well = age_seconds <= _OLDEST_HEALTHY_SECONDS
        under_pressure = pressure.look()
    is_well = is_database_well and is_broker_well and is_backlog_well and not under_pressure
    return JsonResponse(
        {
            "status": "ok" if is_well else "error",
            "database": "ok" if is_database_well else "error",
            "broker": "ok" if is_broker_well else "error",
            "backlog": backlog,
            "intake": f"closed: {under_pressure}" if under_pressure else "open" if is_database_well else "error",
        },
        status=200 if is_well else 503,
    )


@never_cache
@require_safe
def load_balancer_heartbeat(_request: HttpRequest) -> HttpResponse:
    """Answer at once: this process serves requests."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def version(_request: HttpRequest) -> JsonResponse:
    """Tell which version runs."""
    return JsonResponse(
        {"name": "countly-profiles", "version": settings.VERSION, "commit": _commit(), "source": settings.SOURCE_URL}
    )


@functools.cache
def _commit() -> str:
    """Return the commit from the environment (an image) or from git (a checkout), or nothing."""
    given = os.environ.get("COMMIT", "")
    if given:
        return given
    try:
        told = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 - wherever git is
            capture_output=True,
            text=True,
            check=False,
            cwd=settings.BASE_DIR,
            timeout=5,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return told.stdout.strip()


@never_cache
@require_safe
def metrics(_request: HttpRequest) -> HttpResponse:
    """Write Prometheus metrics: counters of all processes of this machine, and the backlog as it is now."""
    counters = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        counters = CollectorRegistry()
        multiprocess.MultiProcessCollector(counters)  # type: ignore[no-untyped-call]
    now = CollectorRegistry()
    now.register(_Backlog())
    return HttpResponse(generate_latest(counters) + generate_latest(now), content_type=CONTENT_TYPE_LATEST)


class _Backlog(Collector):
    """Read when asked, not kept: a gauge would be one value per process."""

    def collect(self) -> Iterable[Metric]:
        requests, age_seconds = inbox.backlog()
        yield GaugeMetricFamily("ingest_backlog_requests", "Requests that wait in the inbox.", value=requests)
        yield GaugeMetricFamily(
            "ingest_backlog_age_seconds", "Age of the oldest request that waits.", value=age_seconds
        )
