"""`manage.py up`: the whole product under one process, as `make run` starts it."""

from __future__ import annotations

import os
import signal
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from countly_profiles.embedded.accounts import NoAccountError
from countly_profiles.embedded.binaries import MissingProgramError
from countly_profiles.embedded.postgres import PostgresError
from countly_profiles.embedded.spawning import send_when_parent_ends
from countly_profiles.supervisor import options
from countly_profiles.supervisor.instance import InstanceError
from countly_profiles.supervisor.launch import Launch
from countly_profiles.supervisor.parent import Parent
from countly_profiles.supervisor.supervisor import StartError, StopRequested, tell


def _seed(text: str) -> str:
    """Take a whole number."""
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(f"must be a whole number, not {text!r}")
    return text


class Command(BaseCommand):
    """Start, watch and end all processes of one instance."""

    help = "Run everything: database, broker, web server, workers. Ends cleanly on Ctrl-C or SIGTERM."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--end-with-parent", action="store_true", help="End when the program that started this one (make) is gone."
        )

        parser.add_argument(
            "--seed",
            type=_seed,
            metavar="NUMBER",
            help="The same number makes the same people in the demo, as DEMO_SEED does (default: new ones).",
        )

    def handle(self, *_args: Any, **arguments: Any) -> None:
        parent = None
        if arguments["end_with_parent"]:
            parent = Parent()
            send_when_parent_ends(signal.SIGTERM, expected_parent=os.getppid())
        try:
            told = options.read(settings.DATA_DIR)
            Launch(replace(told, demo_seed=arguments["seed"] or told.demo_seed), parent).run()
        except StopRequested:
            tell("Stopped.")
        except (StartError, InstanceError, PostgresError, MissingProgramError, NoAccountError) as error:
            raise CommandError(str(error)) from None
