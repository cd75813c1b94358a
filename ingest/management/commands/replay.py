"""`manage.py replay`: apply refused requests again, after the fault that refused them was mended."""

from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db.models import Count

from ingest import inbox
from ingest.models import IngestRequest


class Command(BaseCommand):
    help = "Put refused requests back into the inbox, where the workers find them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reason", default="", help="only those refused for this reason, such as failed_KeyError")
        parser.add_argument("--days", type=float, default=float(settings.REQUESTS_KEPT_DAYS), help="how far back to go")
        parser.add_argument("--dry-run", action="store_true", help="only count them, by reason")

    def handle(self, *args: Any, **options: Any) -> None:
        since = datetime.now(tz=UTC) - timedelta(days=options["days"])
        if options["dry_run"]:
            refused = IngestRequest.objects.filter(verdict=inbox.Verdict.REFUSED, received_at__gte=since)
            if options["reason"]:
                refused = refused.filter(reason=options["reason"])
            counts = refused.order_by("reason").values_list("reason").annotate(requests=Count("id"))
            for reason, requests in counts:
                self.stdout.write(f"{requests:>10,}  {reason}")
            if not counts:
                self.stdout.write("Nothing was refused.")
            return
        put_back = inbox.resubmit_refused(since, options["reason"])
        self.stdout.write(f"{put_back:,} requests wait to be applied again.")
