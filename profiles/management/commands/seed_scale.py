"""`manage.py seed_scale`: a new app named "Scale" with as many users and events as asked for."""

import json
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from profiles.access.models import App
from profiles.activity import scale


class Command(BaseCommand):
    """Fill the tables directly; for sizes that no door needs to be asked for."""

    help = "Make a big data set in a new app named Scale, as ingest would have left it. Prints JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--users", type=int, default=100_000)
        parser.add_argument("--events", type=int, default=1_000_000)
        parser.add_argument("--seed", type=int, default=1, help="The same seed makes the same data.")

    def handle(self, *_args: Any, users: int, events: int, seed: int, **_options: Any) -> None:
        if users < 1 or events < 0:
            raise CommandError("At least one user is needed, and no fewer than 0 events.")
        app = App.objects.create(name="Scale")
        started = time.monotonic()
        scale.fill(
            app,
            users=users,
            events=events,
            seed=seed,
            progress=lambda done, what: self._show(done / (users + events), what),
        )
        seconds = time.monotonic() - started
        self.stdout.write(json.dumps({"id": app.public_id, "key": app.key, "seconds": round(seconds, 1)}))

    def _show(self, share: float, what: str) -> None:
        bar = ("█" * round(share * 28)).ljust(28, "░")
        is_terminal = sys.stderr.isatty()
        self.stderr.write(
            f"{chr(13) if is_terminal else ''}{bar} {share:4.0%}  {what}", ending="" if is_terminal else "\n"
        )
        self.stderr.flush()
