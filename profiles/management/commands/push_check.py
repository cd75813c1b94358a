"""`manage.py push_check`: ask the push providers whether they know an app's credentials."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from profiles.messages import accounts
from profiles.messages.models import PushCredential


class Command(BaseCommand):
    """Check push credentials: those of one app, or all of them."""

    help = "Send to a token that no device has, with each credential, and say what the provider answers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("app", nargs="?", default="", help="The id of an app; all of them when none is named.")

    def handle(self, *_args: Any, app: str, **_options: Any) -> None:
        found = PushCredential.objects.select_related("app").order_by("app__name", "kind")
        if app:
            found = found.filter(app__public_id=app)
        if not found:
            raise CommandError("There are no push credentials.")
        faults = 0
        for credential in found:
            fault = accounts.check(credential)
            faults += bool(fault)
            self.stdout.write(f"{credential.app.name}, {credential.get_kind_display()}: {fault or 'right'}")
        if faults:
            raise CommandError(f"{faults} of {len(found)} cannot be used.")
