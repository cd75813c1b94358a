"""Pages of settings, of an account and of deletions in a real browser: accessible, on a screen and on a phone."""

import pytest
from django.contrib.auth.models import User

from profiles.access.models import Invitation
from profiles.tests.browser import OpenPage, assert_accessible
from profiles.tests.factories import make_people, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_they_are_accessible_and_never_wider_than_a_phone(open_page: OpenPage) -> None:
    people = make_people()
    User.objects.filter(pk=people.alice.pk).update(is_superuser=True)
    user = make_user(people.app, "phone")
    later = people.app.created_at.replace(year=2100)
    Invitation.objects.create(app=people.app, note="Dora", digest="d", invited_by="alice", expires_at=later)
    base = f"/apps/{people.app.public_id}/"
    settings = [
        f"{base}settings/{page}" for page in ("", "sdk/", "members/", "masking/", "hiding/", "privacy/", "erase/")
    ]
    others = [f"{base}list/delete/?user={user.uid}", "/account/keys/", "/account/two-factor/", "/apps/new/", "/inbox/"]
    wide, phone = open_page(people.alice, "/login/"), open_page(people.alice, "/login/", width=360, dark=True)
    origin = wide.url.split("/apps/")[0]
    for address in [*settings, *others]:
        for page in (wide, phone):
            page.goto(origin + address)
            assert_accessible(page)
        assert phone.evaluate("document.documentElement.scrollWidth") <= 360, address
