"""`manage.py create_api_key USERNAME`: create an API key and print it, this once."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from profiles.access import api_keys


class Command(BaseCommand):
    help = "Create an API key with the rights of a person and print it; it cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="", help="what the key is for")
        parser.add_argument("--read-only", action="store_true", help="it changes nothing, whatever its person may")

    def handle(self, *args: Any, **options: Any) -> None:
        people = get_user_model().objects
        user = people.filter(**{get_user_model().USERNAME_FIELD: options["username"]}).first()
        if user is None:
            raise CommandError(f"There is no person with the username {options['username']!r}.")
        self.stdout.write(api_keys.create(user=user, name=options["name"], may_write=not options["read_only"]))
