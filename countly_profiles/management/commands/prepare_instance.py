"""`manage.py prepare_instance`: bring database and static files up to date; `up` calls it at each start."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from countly_profiles import first_start


class Command(BaseCommand):
    """Migrate, collect static files, make the first administrator and the demo app."""

    help = "Prepare the database and static files. Prints JSON. Harmless to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demo", action="store_true", help="Make the demo app if there is no app yet.")

    def handle(self, *_args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        first_start.collect_static_files()
        is_password_valid = first_start.ensure_administrator(os.environ.get("ADMIN_PASSWORD", ""))
        demo = first_start.ensure_demo_app() if options["demo"] else first_start.NO_DEMO
        self.stdout.write(
            json.dumps(
                {"is_password_valid": is_password_valid, "demo_key": demo.key, "is_demo_new": demo.is_new},
            )
        )
