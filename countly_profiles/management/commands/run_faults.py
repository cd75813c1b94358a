"""`manage.py run_faults`: break a real instance in every way under load, and prove that nothing was lost or doubled."""

from __future__ import annotations

import secrets
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from countly_profiles.faults.faults import DISK_MB, DISK_RESERVE_MB, MOST_WAITING, Fault, Setting, all_faults
from countly_profiles.faults.instance import InstanceError
from countly_profiles.faults.places import can_make_small_disk, running_instance
from countly_profiles.faults.report import table
from countly_profiles.faults.rounds import Load, Outcome, Rounds


class Command(BaseCommand):
    """Run rounds on instances of their own, print the table, and fail when anything is wrong."""

    help = "Kill, freeze and starve a real instance under load; check that each acknowledged request is applied once."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", default="", help="Repeat the random choices of an earlier run.")
        parser.add_argument("--only", default="", help="Only faults with one of these texts in their names: a,b.")
        parser.add_argument("--rate", type=float, default=Load().requests_per_second, help="Requests per second.")

    def handle(self, *_args: Any, **options: Any) -> None:
        seed = options["seed"] or secrets.token_hex(4)
        self.stdout.write(f"Seed {seed}")
        load = Load(requests_per_second=options["rate"])
        chosen = [fault for fault in all_faults() if any(part in fault.name for part in options["only"].split(","))]
        by_setting = {setting: [fault for fault in chosen if fault.setting is setting] for setting in Setting}
        outcomes = self._run(by_setting[Setting.COMMON], seed, load)
        outcomes += self._run(by_setting[Setting.SHORT_QUEUE], seed, load, MOST_WAITING=str(MOST_WAITING))
        on_small_disk = by_setting[Setting.SMALL_DISK]
        if on_small_disk and can_make_small_disk():
            outcomes += self._run(on_small_disk, seed, load, disk_mb=DISK_MB, MIN_FREE_DISK_MB=str(DISK_RESERVE_MB))
        elif on_small_disk:
            self.stdout.write("Skipped, because a small file system cannot be mounted here (run as root): disk full")
        self.stdout.write(table(outcomes))
        if not all(outcome.is_good for outcome in outcomes):
            raise CommandError("Something is wrong.")

    def _run(
        self, faults: Sequence[Fault], seed: str, load: Load, *, disk_mb: int = 0, **environ: str
    ) -> list[Outcome]:
        """Run a round for each fault, all on one instance."""
        outcomes: list[Outcome] = []
        if not faults:
            return outcomes
        with running_instance(settings.BASE_DIR / "manage.py", disk_mb=disk_mb, **environ) as instance:
            try:
                rounds = Rounds(instance, seed=seed, load=load)
                for fault in faults:
                    outcomes.append(rounds.run([fault], fault.name))
                    self.stdout.write(table(outcomes[-1:]).partition("\n")[2])
            except InstanceError as error:
                self.stdout.write(table(outcomes))
                raise CommandError(f"{instance.data_dir}: {error}") from None
            instance.end()
            if instance.is_anything_left():
                raise CommandError(f"Processes were left behind: {instance.orphans()}")
        return outcomes
