"""Groups that strike far more often than they used to."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import Sum

from profiles.access.models import App
from profiles.crashes.merging import member_ids
from profiles.crashes.models import Crash, CrashAlert, CrashDay, CrashGroup
from profiles.crashes.state import Tab

HOUR: Final = timedelta(hours=1)
LEAST: Final = 20  # in an hour; fewer are no spike
TIMES_USUAL: Final = 5
USUAL_DAYS: Final = 7
COUNTED: Final = 10_000
AGAIN_AFTER: Final = timedelta(days=1)
GROUPS_LOOKED_AT: Final = 500


def is_spike(last_hour: int, usual_days: int) -> bool:
    """Tell it of the occurrences in the last hour, and in the USUAL_DAYS days before today."""
    return last_hour >= max(LEAST, TIMES_USUAL * usual_days / (USUAL_DAYS * 24))


def note_spikes(now: datetime) -> int:
    """Note the groups that spike, in apps where somebody wants to hear of it; return how many."""
    apps = App.objects.filter(alert_channels__on_spiking=True).distinct()
    return sum(_note_spikes_of(app, now) for app in apps)


def _note_spikes_of(app: App, now: datetime) -> int:
    # By the index (app, last_seen_at): only what struck within the hour.
    groups = CrashGroup.objects.filter(
        app=app,
        last_seen_at__gte=now - HOUR,
        merged_into=None,
        state__in=Tab.OPEN.states,
        occurrences_count__gte=LEAST,
    ).exclude(alerts__reason=CrashAlert.Reason.SPIKING, alerts__at__gt=now - AGAIN_AFTER)
    noted = 0
    today = now.astimezone(ZoneInfo(app.timezone)).date()
    for group in groups.order_by("-last_seen_at")[:GROUPS_LOOKED_AT]:
        members = member_ids(group)
        last_hour = _count_since(members, now - HOUR)
        days = CrashDay.objects.filter(
            group__in=members, on__lt=today, on__gte=today - timedelta(days=USUAL_DAYS)
        ).aggregate(n=Sum("count"))
        if is_spike(last_hour, days["n"] or 0):
            CrashAlert.objects.create(
                app=app,
                group=group,
                reason=CrashAlert.Reason.SPIKING,
                app_version=group.latest_version,
                times=last_hour,
                at=now,
            )
            noted += 1
    return noted


def _count_since(members: Sequence[int], since: datetime) -> int:
    """Count occurrences up to COUNTED, each member by its index (group, occurred_at)."""
    return sum(
        Crash.objects.filter(group_id=member, occurred_at__gte=since).values("id")[:COUNTED].count()
        for member in members
    )
