"""`manage.py send_demo_traffic APP_KEY`: a believable month of an app, sent over HTTP as Countly's SDKs send it."""

import os
import secrets
import time
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from functools import partial
from threading import Event
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from ingest.demo.requests import Mark
from ingest.demo.sender import SendingError, Server, Tally, send_stories
from ingest.demo.story import Plan, story_of
from ingest.management.progress import ProgressBar

_MOST_DAYS: Final = 3650
_MOST_USERS: Final = 1_000_000
_INTERRUPTED: Final = 130


class Command(BaseCommand):
    help = "Send a believable month of a made-up app, as Countly's SDKs would have sent it, to a running server."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        port = os.environ.get("PORT", "8000")
        parser.add_argument("app_key", metavar="APP_KEY", help="key of the app that the data is for")
        parser.add_argument(
            "--users", type=partial(_number, most=_MOST_USERS), default=150, metavar="N", help="people (150)"
        )
        parser.add_argument(
            "--days", type=partial(_number, most=_MOST_DAYS), default=30, metavar="D", help="days, until now (30)"
        )
        parser.add_argument("--url", default=f"http://127.0.0.1:{port}/", help="the server (http://127.0.0.1:$PORT/)")
        parser.add_argument("--seed", default="", help="the same seed makes the same people (default: new ones)")
        parser.add_argument("--salt", default="", help="the app's salt, if it has one")
        parser.add_argument(
            "--parallel", type=partial(_number, most=64), default=8, metavar="C", help="connections (8)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        seed = options["seed"] or secrets.token_hex(4)
        plan = Plan(options["app_key"], seed, datetime.now(UTC), options["days"], options["salt"])
        bar = ProgressBar(options["users"], self.stdout)
        sent = Tally()
        stop = Event()
        started = time.monotonic()

        def show(total: Tally) -> None:
            nonlocal sent
            sent = total
            bar.show(total.people, f"{total.people:,} of {options['users']:,} people  {total.requests:,} requests")

        try:
            server = Server.at(options["url"])
            server.check()
            send_stories(
                server,
                partial(story_of, plan),
                options["users"],
                parallel=min(options["parallel"], options["users"]),
                stop=stop,
                on_person=show,
            )
        except SendingError as failed:
            raise CommandError(str(failed)) from None
        except KeyboardInterrupt:
            bar.close()
            raise CommandError(
                f"Interrupted. {_summary(sent, time.monotonic() - started)}", returncode=_INTERRUPTED
            ) from None
        bar.close()
        self.stdout.write(f"{_summary(sent, time.monotonic() - started)} Seed: {seed}")
        self.stdout.write(_details(sent))
        if sent.refused:
            reasons = "\n".join(f"  {count:,} × {reason}" for reason, count in sent.refused.most_common())
            raise CommandError(f"The server refused {sent.refused.total():,} requests:\n{reasons}")


def _number(text: str, most: int) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise ArgumentTypeError(f"a number from 1 to {most:,} is wanted, not {text!r}")
    return int(text)


def _summary(sent: Tally, seconds: float) -> str:
    rate = round(sent.requests / max(seconds, 0.001))
    return f"Sent {sent.requests:,} requests of {sent.people:,} people in {seconds:.1f} s ({rate:,} a second)."


def _details(sent: Tally) -> str:
    counts = {
        "sessions": sent.sessions,
        "events": sent.events,
        "crashes": sent.crashes,
        "user details": sent.details,
        "merges": sent.merges,
        **{mark.value: sent.marks[mark] for mark in Mark if mark is not Mark.ORDINARY},
    }
    return " · ".join(f"{name} {count:,}" for name, count in counts.items())
