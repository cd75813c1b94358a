"""Every address of the product, asked as everybody: the one place that proves that nobody sees an app of others.

The addresses come from the URL configuration, the answers from `access_expectations`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from PIL import Image
from pytest_django.fixtures import Settings

from countly_profiles.tests.access_expectations import APP, EXPECTED, Opens, expected
from profiles import pictures
from profiles.access.models import ApiKey, App, Invitation, Membership
from profiles.access.permissions import Role, has_role
from profiles.access.services import create_app
from profiles.crashes.models import AlertChannel, CrashComment, SymbolFile
from profiles.directory.models import SavedView
from profiles.messages.content import Content, Text, to_json
from profiles.messages.models import Message
from profiles.privacy.models import Erasure
from profiles.profile.models import Note
from profiles.tests.factories import make_crash, make_crash_group, make_funnel, make_person, make_user
from profiles.users.models import Merge

pytestmark = pytest.mark.django_db

A_CONTENT = to_json(Content((Text("Kahve?", "Günaydın"),)))
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ROLES = {Opens.VIEWER: Role.VIEWER, Opens.ANALYST: Role.ANALYST, Opens.ADMIN: Role.ADMIN}
REFUSED = [("get", {}), ("get", {"hx-request": "true"}), ("post", {}), ("delete", {})]  # ways to ask
ANSWERED = REFUSED[:2]
PARAMETER = re.compile(r"<(?:[a-z]+:)?(?P<path>\w+)>|\(\?P<(?P<regex>\w+)>[^)]*\)")


def routes(patterns: list[Any], before: str = "") -> Iterator[str]:
    """Yield every address that the URL configuration knows, as it is written there."""
    for entry in patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, route)
        else:
            assert isinstance(entry, URLPattern)
            yield route


ROUTES = sorted(set(routes(get_resolver().url_patterns)))
OF_APPS = [route for route in ROUTES if route.startswith(APP)]
ADMINISTRATION = [route for route in ROUTES if expected(route) is Opens.ADMINISTRATION]


@dataclass(frozen=True)
class World:
    """An app with one of everything, and what stands for each parameter of an address."""

    app: App
    values: dict[str, str]

    def address(self, route: str, app: App | None = None) -> str:
        """Fill in a route; with `app` the objects are this world's, the app in the address another."""
        values = self.values | ({"public_id": app.public_id} if app else {})

        def value(match: re.Match[str]) -> str:
            name = match["path"] or match["regex"]
            assert name in values, f"say in make_world what stands for <{name}> in {route}"
            return values.get(match[0], values[name])

        return "/" + PARAMETER.sub(value, route.replace("^", "").replace("$", ""))


def make_world(name: str) -> World:
    """Make an app with one of everything that has an address."""
    app = create_app(name=name)
    user = make_user(app, "device-1", seen_at=NOW)
    make_user(app, "device-2", seen_at=NOW)
    group = make_crash_group(app, f"Crash of {name}", NOW)
    make_crash(user, group, NOW)
    merge = Merge.objects.create(
        user_id=user.id,
        id=group.id,
        app=app,
        absorbed_id=uuid4(),
        absorbed_device_id="old",
        merged_at=NOW,
        applied_at=NOW,
    )
    png = BytesIO()
    Image.new("RGB", (4, 4), "red" if name == "Ours" else "blue").save(png, "PNG")
    picture = pictures.store(app.public_id, png.getvalue(), owner="somebody")
    assert picture is not None
    keeper = make_person(f"keeper of {name}")
    member = Membership.objects.create(user=keeper, app=app)
    invitation = Invitation.objects.create(app=app, note=name, digest=name, invited_by="x", expires_at=NOW)
    values = {
        "public_id": app.public_id,
        "member_id": str(member.pk),
        "invitation_id": str(invitation.pk),
        "uid": user.uid,
        "direction": "next",
        "name": picture.rpartition("/")[2],
        "<slug:name>": "user-details",
        "group_id": group.public_id,
        "view_id": str(SavedView.objects.create(app=app, owner=keeper, name="View", is_shared=True).pk),
        "channel_id": str(AlertChannel.objects.create(app=app, kind="email", target="a@b.c", created_at=NOW).pk),
        "file_id": str(
            SymbolFile.objects.create(
                app=app, kind="proguard", app_version="1", name="", content=b"", size=0, uploaded_at=NOW
            ).pk
        ),
        "comment_id": str(CrashComment.objects.create(group=group, text="Seen", created_at=NOW).pk),
        "merge_id": str(merge.id),
        "note_id": str(Note.objects.create(user_id=user.id, app=app, text="Seen", created_at=NOW).pk),
        "erasure_id": str(Erasure.objects.create(app=app, asked_by="x", asked_at=NOW, users_total=1).pk),
        "key_id": str(ApiKey.objects.create(user=keeper, digest=name, prefix=name).pk),
        "message_id": Message.objects.create(
            app=app, content=A_CONTENT, audience=[["everyone", "1"]], created_at=NOW, created_by="x"
        ).public_id,
        "funnel_id": make_funnel(app, f"Funnel of {name}", "A", "B").public_id,
    }
    return World(app, values)


PEOPLE = ("stranger", "wrong_app", "viewer", "analyst", "admin", "staff", "superuser", "gone")
ROLE_OF = {"viewer": Role.VIEWER, "analyst": Role.ANALYST, "admin": Role.ADMIN, "superuser": Role.ADMIN}


@dataclass(frozen=True)
class Everybody:
    """Two apps, and a browser of each kind of person toward the first; `gone` was an admin and is switched off."""

    ours: World
    theirs: World
    browsers: dict[str, Client]

    def wrong_answers(self, route: str, needed: Role) -> Iterator[str]:
        """Ask an address of our app as everybody, and yield what should have been answered otherwise."""
        address = self.ours.address(route)
        for name, browser in self.browsers.items():
            role = ROLE_OF.get(name)
            may = has_role(role, needed)
            for method, headers in ANSWERED if may else REFUSED:
                answer = ask(browser, address, method, headers)
                if may:
                    is_right = is_let_in(answer)
                elif name in ("anonymous", "gone"):
                    is_right = is_sent_to_sign_in(answer)
                else:
                    is_right = answer.status_code == (404 if role is None else 403)
                if not may:
                    is_right &= self.ours.app.name.encode() not in answer.content
                if not is_right:
                    yield f"{name} {method} {address} {headers}: {answer.status_code}"


@pytest.fixture
def everybody(settings: Settings, tmp_path: Path) -> Everybody:
    settings.MEDIA_ROOT = tmp_path
    ours, theirs = make_world("Ours"), make_world("Theirs")
    people = {name: make_person(name, is_staff=name in ("staff", "superuser")) for name in PEOPLE}
    User.objects.filter(username="superuser").update(is_superuser=True)
    for role in Role:
        Membership.objects.create(user=people[role.value], app=ours.app, role=role)
    Membership.objects.create(user=people["gone"], app=ours.app, role=Role.ADMIN)
    Membership.objects.create(user=people["wrong_app"], app=theirs.app, role=Role.ADMIN)
    browsers = {"anonymous": Client()}
    for name, person in people.items():
        browsers[name] = Client()
        browsers[name].force_login(person)
    User.objects.filter(username="gone").update(is_active=False)
    return Everybody(ours, theirs, browsers)


def ask(browser: Client, address: str, method: str = "get", headers: dict[str, str] | None = None) -> HttpResponse:
    """Ask, and undo whatever that did."""
    kept = browser.cookies.output()
    with transaction.atomic():
        answer: HttpResponse = getattr(browser, method)(address, headers=headers or {})
        if getattr(answer, "streaming", False):
            answer.content = b"".join(answer)
        transaction.set_rollback(True)
    browser.cookies.load(kept.replace("Set-Cookie: ", ""))
    return answer


def is_sent_to_sign_in(answer: HttpResponse) -> bool:
    return answer.status_code == 302 and answer["Location"].startswith(("/login/", "/admin/login/"))


def is_let_in(answer: HttpResponse) -> bool:
    """Whether the view itself answered: with a page, a redirect, or that it wants another method or other values."""
    return answer.status_code in {200, 204, 302, 400, 405, 409, 410, 422} and not is_sent_to_sign_in(answer)


def test_every_address_has_an_expectation() -> None:
    unknown = [f"    {route!r}: Opens.…," for route in ROUTES if expected(route) is None]
    assert not unknown, "say in access_expectations.EXPECTED whom these answer:\n" + "\n".join(unknown)
    gone = sorted(set(EXPECTED) - set(ROUTES))
    assert not gone, f"access_expectations.EXPECTED names addresses that are no more: {gone}"
    assert {expected(route) for route in OF_APPS} <= set(ROLES), "whatever is of an app needs a role in it"


def test_addresses_of_an_app_answer_only_whom_they_should(everybody: Everybody) -> None:
    wrong = [text for route in OF_APPS for text in everybody.wrong_answers(route, ROLES[EXPECTED[route]])]
    assert not wrong, "\n".join(wrong)


def test_addresses_never_mix_two_apps(everybody: Everybody) -> None:
    # Who may see both apps asks one for what belongs to the other. A uid means a user of the app in the address.
    objects = [route for route in OF_APPS if _objects(route)]
    assert objects
    for route in objects:
        address = everybody.theirs.address(route, app=everybody.ours.app)
        for method in ("get", "post"):
            answer = ask(everybody.browsers["superuser"], address, method)
            assert answer.status_code in (404, 405), f"{method} {address}: {answer.status_code}"


def _objects(route: str) -> set[str]:
    """Return the parameters that name something that belongs to one app alone."""
    named = {match["path"] or match["regex"] for match in PARAMETER.finditer(route) if match[0] != "<slug:name>"}
    return named - {"public_id", "uid", "direction"}


def test_addresses_for_people_want_them_signed_in(everybody: Everybody) -> None:
    for route in [route for route in ROUTES if expected(route) is Opens.SIGNED_IN]:
        address = everybody.ours.address(route)
        for name, browser in everybody.browsers.items():
            answer = ask(browser, address)
            is_right = is_sent_to_sign_in(answer) if name in ("anonymous", "gone") else is_let_in(answer)
            assert is_right, f"{name} {address}: {answer.status_code}"


def test_addresses_for_superusers_refuse_everybody_else(everybody: Everybody) -> None:
    for route in [route for route in ROUTES if expected(route) is Opens.SUPERUSER]:
        address = everybody.ours.address(route)
        for name, browser in everybody.browsers.items():
            for method in ("get", "post"):
                answer = ask(browser, address, method)
                if name == "superuser":
                    is_right = is_let_in(answer)
                elif name in ("anonymous", "gone"):
                    is_right = is_sent_to_sign_in(answer)
                else:
                    is_right = answer.status_code == 403
                assert is_right, f"{name} {method} {address}: {answer.status_code}"


def test_addresses_of_the_api_open_to_no_cookie(everybody: Everybody) -> None:
    world = World(everybody.ours.app, everybody.ours.values | {"in_path": "appUser_1"})
    for route in [route for route in ROUTES if expected(route) is Opens.API_KEY and route.startswith(("^o", "^i"))]:
        address = world.address(route.replace("/?", ""))
        for name, browser in everybody.browsers.items():
            answer = ask(browser, f"{address}?method=user_details&app_id={world.app.public_id}")
            assert answer.status_code == 400, f"{name} {address}: {answer.status_code}"
            assert b"api_key" in answer.content


def test_the_administration_is_for_staff(everybody: Everybody) -> None:
    fixed = {"object_id": "1", "id": "1", "content_type_id": "1", "app_label": "profiles", "url": "nothing"}
    world = World(everybody.ours.app, everybody.ours.values | fixed)
    for route in set(ADMINISTRATION) - {"admin/login/", "admin/jsi18n/", "admin/logout/"}:
        address = world.address(route)
        for name in ("anonymous", "gone", "stranger", "admin"):
            for method in ("get", "post"):
                answer = ask(everybody.browsers[name], address, method)
                assert is_sent_to_sign_in(answer), f"{name} {method} {address}: {answer.status_code}"


def test_staff_without_permissions_see_no_tables(everybody: Everybody) -> None:
    lists = [
        f"/{route}" for route in ADMINISTRATION if re.fullmatch(r"admin/(?:auth|axes|ingest|profiles)/\w+/", route)
    ]
    assert "/admin/profiles/app/" in lists
    for address in lists:
        assert ask(everybody.browsers["staff"], address).status_code == 403, address
        assert is_let_in(ask(everybody.browsers["superuser"], address)), address
