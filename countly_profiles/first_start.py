"""What a fresh instance gets: static files, an administrator, a demo app. Every step is harmless to repeat."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import django
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command, get_commands

from profiles.access.models import App, AppErasure
from profiles.access.services import create_app
from profiles.funnels.models import Funnel
from profiles.funnels.services import StepInput, create_funnel

ADMINISTRATOR = "admin"
DEMO_NAME = "Kahve Mobile"
_DEMO_TIMEZONE = "Europe/Istanbul"
_QUICK_SECONDS = 10 * 60
_NEWCOMER_SECONDS = 7 * 24 * 3600
_DEMO_COMMAND = "send_demo_traffic"


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo app's key, and whether it was made just now and waits for traffic."""

    key: str
    is_new: bool


NO_DEMO = Demo(key="", is_new=False)


def ensure_administrator(password: str) -> bool:
    """Make the administrator if there is no account at all; tell whether `password` opens the account."""
    if password and not User.objects.exists():
        User.objects.create_superuser(username=ADMINISTRATOR, password=password)
        return True
    administrator = User.objects.filter(username=ADMINISTRATOR, is_active=True).first()
    return administrator is not None and administrator.check_password(password)


def ensure_demo_app() -> Demo:
    """Make the demo app on a fresh instance, and return it; nothing where people have or had apps of their own."""
    existing = App.objects.filter(is_demo=True).order_by("pk").first()
    if existing:
        return Demo(key=existing.key, is_new=False)
    if App.objects.exists() or AppErasure.objects.exists():
        return NO_DEMO
    app = create_app(name=DEMO_NAME, timezone=_DEMO_TIMEZONE, is_demo=True)
    for position, (funnel, steps) in enumerate(_demo_funnels(app)):
        funnel.position = position
        create_funnel(funnel, steps)
    return Demo(key=app.key, is_new=_DEMO_COMMAND in get_commands())


def _demo_funnels(app: App) -> list[tuple[Funnel, list[StepInput]]]:
    """Return what the people of the demo app may get through, over the events that `send_demo_traffic` sends."""
    order = [StepInput(key) for key in ("view_item", "add_to_cart", "checkout_start", "purchase")]
    return [
        (Funnel(app=app, name="First purchase"), order),
        (Funnel(app=app, name="Quick order", window_seconds=_QUICK_SECONDS, is_same_session=True), order),
        (
            Funnel(app=app, name="Newcomer orders", window_seconds=_NEWCOMER_SECONDS),
            [StepInput("sign_up_start"), StepInput("sign_up"), StepInput("purchase")],
        ),
        (
            Funnel(app=app, name="Shares a bakery find"),
            [
                StepInput("view_item", [{"name": "category", "operator": "is", "value": "bakery"}]),
                StepInput("share"),
            ],
        ),
    ]


def collect_static_files() -> None:
    """Collect and compress static files, unless they are the ones that were collected last."""
    root = Path(settings.STATIC_ROOT)
    stamp = root / ".collected"
    current = _fingerprint_of_static_files()
    if stamp.exists() and stamp.read_text(encoding="ascii") == current:
        return
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(current, encoding="ascii")


def _fingerprint_of_static_files() -> str:
    """Return a digest of the names, sizes and times of all files that would be collected."""
    digest = hashlib.sha256(django.get_version().encode())
    for finder in get_finders():
        for path, storage in sorted(finder.list(["CVS", ".*", "*~"]), key=lambda found: str(found[0])):
            file = Path(storage.path(path)).stat()
            digest.update(f"{path}:{file.st_size}:{file.st_mtime_ns}\n".encode())
    return digest.hexdigest()
