"""Reports without waiting: counted while the page is made where that is quick, else in the background, and kept.

A page thus costs the same however many users there are, and says how old its numbers are.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

import msgspec
from django.db import OperationalError, connection, transaction
from django.db.models import F, Q

from profiles.funnels.models import Funnel, FunnelReport
from profiles.funnels.report import EVERYTHING, Asked, Report, count, count_ends

STATEMENT_SECONDS: Final = 1.0  # that a page gives each statement of a report
BACKGROUND_SECONDS: Final = 600.0
KEPT_FROM_SECONDS: Final = 0.3  # what is counted faster is not worth keeping
# Numbers are shown until they are this many times as old as they took to count, and counted anew then.
FRESH: Final = 50
FORGOTTEN_AFTER: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Counted:
    """A report, as of when it was counted; None while it never was."""

    report: Report | None
    counted_at: datetime | None
    is_awaited: bool
    """Whether newer numbers are being counted in the background."""


def counted(funnel: Funnel, asked: Asked, now: datetime) -> Counted:
    """Return the newest numbers that can be had within some seconds; ask the background for what takes longer."""
    kept = FunnelReport.objects.filter(funnel=funnel, asked=str(asked), revision=funnel.revision).first()
    if kept and _is_fresh(kept, now):
        return Counted(_read(kept), kept.counted_at, is_awaited=kept.wanted_at is not None)
    if kept is None or kept.wanted_at is None:
        try:
            return Counted(count_and_keep(funnel, asked, now, STATEMENT_SECONDS), now, is_awaited=False)
        except OperationalError:  # the time was up
            pass
    _want(funnel, asked, kept, now)
    return Counted(_read(kept) if kept else None, kept.counted_at if kept else None, is_awaited=True)


def ends_counted(funnels: Sequence[Funnel], now: datetime) -> dict[int, tuple[int, int] | None]:
    """Return by funnel id how many users entered ever and how many completed; None: it is being counted.

    Three queries, whatever the number of funnels, when it is quick or known.
    """
    kept = {
        row.funnel_id: row
        for row in FunnelReport.objects.filter(funnel__in=funnels, asked=str(EVERYTHING)).select_related("funnel")
        if row.revision == row.funnel.revision
    }
    ends: dict[int, tuple[int, int] | None] = {}
    for funnel in funnels:
        row = kept.get(funnel.pk)
        report = _read(row) if row else None
        ends[funnel.pk] = (report.entered, report.completed) if report else None
    unknown = [funnel for funnel in funnels if funnel.pk not in kept or not _is_fresh(kept[funnel.pk], now)]
    if not unknown:
        return ends
    try:
        with _limited(STATEMENT_SECONDS):
            return ends | count_ends(unknown)
    except OperationalError:  # the time was up
        for funnel in unknown:
            _want(funnel, EVERYTHING, kept.get(funnel.pk), now)
        return ends


def _want(funnel: Funnel, asked: Asked, kept: FunnelReport | None, now: datetime) -> None:
    """Ask the background for newer numbers."""
    if kept is None:
        nothing_yet = {"revision": funnel.revision, "numbers": None, "counted_at": None, "wanted_at": now}
        FunnelReport.objects.update_or_create(funnel=funnel, asked=str(asked), defaults=nothing_yet)
    elif kept.wanted_at is None:
        FunnelReport.objects.filter(pk=kept.pk).update(wanted_at=now)


def _is_fresh(kept: FunnelReport, now: datetime) -> bool:
    return kept.counted_at is not None and (now - kept.counted_at).total_seconds() < FRESH * kept.took_seconds


@contextmanager
def _limited(statement_seconds: float) -> Iterator[None]:
    """Open a transaction in which a statement that takes longer raises OperationalError."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(int(statement_seconds * 1000))])
        yield


def count_and_keep(funnel: Funnel, asked: Asked, now: datetime, statement_seconds: float) -> Report:
    """Count a report, and keep it if that took long. Raises OperationalError when the time is up."""
    began_at = monotonic()
    with _limited(statement_seconds):
        report = count(funnel, asked, now)
    took = monotonic() - began_at
    if took >= KEPT_FROM_SECONDS or FunnelReport.objects.filter(funnel=funnel, asked=str(asked)).exists():
        FunnelReport.objects.update_or_create(
            funnel=funnel,
            asked=str(asked),
            defaults={
                "revision": funnel.revision,
                "numbers": msgspec.to_builtins(report),
                "counted_at": now,
                "took_seconds": took,
                "wanted_at": None,
            },
        )
    return report


def _read(kept: FunnelReport) -> Report | None:
    return None if kept.numbers is None else msgspec.convert(kept.numbers, Report)


def count_wanted(now: datetime) -> bool:
    """Count the report that somebody has waited for longest; False: nobody waits."""
    kept = (
        FunnelReport.objects.filter(wanted_at__isnull=False).select_related("funnel__app").order_by("wanted_at").first()
    )
    if kept is None:
        return False
    try:
        count_and_keep(kept.funnel, Asked.read(kept.asked), now, BACKGROUND_SECONDS)
    except (ValueError, OperationalError):
        kept.delete()  # a filter that is none any more, or a report that nothing can count: whoever looks asks again
        raise
    return True


def forget_old(now: datetime) -> None:
    """Delete numbers that nobody asked for in a week, and those of former definitions."""
    old = Q(counted_at__lt=now - FORGOTTEN_AFTER) | Q(wanted_at__lt=now - FORGOTTEN_AFTER)
    FunnelReport.objects.filter(old | ~Q(revision=F("funnel__revision"))).delete()
