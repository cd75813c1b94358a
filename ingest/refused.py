"""Reads of requests that were refused. Relies on the partial index ingest_request_refused."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max

from ingest.models import IngestRequest
from profiles.access.models import App

SHOWN = 50
BYTES_SHOWN = 2000

Verdict = IngestRequest.Verdict


@dataclass(frozen=True, slots=True)
class Reason:
    """How many requests were refused for one reason, and when the last."""

    slug: str
    requests: int
    last_at: datetime

    @property
    def words(self) -> str:
        """The reason as it is read."""
        return self.slug.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Refused:
    """A refused request as the page shows it: what was sent, as text, cut short."""

    id: int
    received_at: datetime
    app: str
    reason: str
    sent: str
    user_agent: str


def reasons() -> list[Reason]:
    """Return why requests were refused in the days that they are kept, the most frequent first."""
    rows = IngestRequest.objects.filter(verdict=Verdict.REFUSED).values_list("reason")
    counted = rows.annotate(requests=Count("id"), last_at=Max("received_at")).order_by("-requests", "reason")
    return [Reason(*row) for row in counted]


def newest(reason: str = "") -> list[Refused]:
    """Return the last refused requests, of one reason or of all: two queries."""
    rows = IngestRequest.objects.filter(verdict=Verdict.REFUSED)
    if reason:
        rows = rows.filter(reason=reason)
    found = list(rows.order_by("-received_at")[:SHOWN])
    names = dict(App.objects.filter(pk__in={row.app_id for row in found}).values_list("pk", "name"))
    return [
        Refused(row.id, row.received_at, names.get(row.app_id, ""), row.reason, _sent(row), row.user_agent)
        for row in found
    ]


def _sent(row: IngestRequest) -> str:
    parts = [bytes(part)[:BYTES_SHOWN].decode("utf-8", "replace") for part in (row.query, row.body)]
    return "\n".join(part for part in parts if part)
