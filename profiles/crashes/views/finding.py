"""What every view of a crash begins with: the group of the address, and the app's clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.http import Http404

from profiles.access.models import App
from profiles.crashes import querysets
from profiles.crashes.models import CrashGroup
from profiles.wording import Clock


def group_or_404(app: App, public_id: str) -> CrashGroup:
    """Return the app's group of this address, merged into another one or not. One query."""
    found = querysets.find_group(app, public_id)
    if found is None:
        raise Http404
    return found


def clock_of(app: App) -> Clock:
    """Return the app's clock as it stands now."""
    return Clock(datetime.now(tz=UTC), ZoneInfo(app.timezone))
