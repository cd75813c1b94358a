"""`manage.py run_bench`: measure, and print one JSON object a line."""

from __future__ import annotations

import importlib
import pkgutil
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from countly_profiles.bench import measures
from countly_profiles.bench.run import Run


class Command(BaseCommand):
    """Run benchmarks on instances of their own."""

    help = "Measure intake, applying, freshness, growth, memory and pages. Progress goes to stderr."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", help="Which benchmarks; all of them when none is named.")
        parser.add_argument("--quick", action="store_true", help="Small sizes: the whole in about a minute.")

    def handle(self, *_args: Any, names: list[str], quick: bool, **_options: Any) -> None:
        known = [module.name for module in pkgutil.iter_modules(measures.__path__)]
        for name in names:
            if name not in known:
                raise CommandError(f"There is no benchmark {name}; there are {', '.join(known)}.")
        with Run(is_quick=quick, tell=self._tell) as run:
            for name in names or known:
                started = time.monotonic()
                for figure in importlib.import_module(f"{measures.__name__}.{name}").measure(run):
                    self.stdout.write(figure.as_json())
                    self.stdout.flush()
                self._tell(f"{name} took {time.monotonic() - started:.0f} s")

    def _tell(self, text: str) -> None:
        self.stderr.write(text)
        self.stderr.flush()
