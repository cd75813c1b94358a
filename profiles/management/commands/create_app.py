"""`manage.py create_app NAME`: create an app and print its ids as JSON."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from profiles.access import services


class Command(BaseCommand):
    help = "Create an app and print its id and key as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument(
            "--key",
            default="",
            help="app key (default: 40 random hexadecimal characters)",
        )
        parser.add_argument("--salt", default="", help="require checksums made with this salt")
        parser.add_argument(
            "--timezone",
            default="UTC",
            help="IANA name, such as Europe/Istanbul (default: UTC)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            app = services.create_app(
                name=options["name"],
                key=options["key"],
                salt=options["salt"],
                timezone=options["timezone"],
            )
        except ValidationError as refused:
            raise CommandError(" ".join(refused.messages)) from None
        self.stdout.write(json.dumps({"id": app.public_id, "key": app.key}))
