"""Notes about a user: who writes, who reads, who changes; and what becomes of them in a merge."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from profiles.access.models import AuditEntry, Membership
from profiles.identity.services import merge_by_hand
from profiles.profile.models import Note
from profiles.profile.notes import notes_of
from profiles.tests.factories import People, make_people, make_user
from profiles.users.models import AppUser

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def people() -> People:
    people = make_people()
    Membership.objects.filter(user=people.bob).update(role=Membership.Role.ANALYST)
    return people


@pytest.fixture
def user(people: People) -> AppUser:
    return make_user(people.app, "device", seen_at=NOON)


def browser(person: object) -> Client:
    client = Client()
    client.force_login(person)  # type: ignore[arg-type]
    return client


def url(people: People, user: AppUser, rest: str = "") -> str:
    return f"/apps/{people.app.public_id}/users/{user.uid}/notes/{rest}"


def test_a_note_from_its_writing_to_its_end(people: People, user: AppUser) -> None:
    bob = browser(people.bob)
    bob.post(url(people, user, "write/"), {"text": " Met at <b>the fair</b> "})
    note = Note.objects.get()
    assert (note.text, note.author_name) == ("Met at <b>the fair</b>", "bob")
    page = bob.get(url(people, user)).content.decode()
    assert "Met at &lt;b&gt;the fair&lt;/b&gt;" in page
    assert "Met at" in bob.get(f"/apps/{people.app.public_id}/users/{user.uid}/").content.decode()
    bob.post(url(people, user, f"{note.pk}/"), {"text": "Met twice"})
    assert Note.objects.get().edited_at is not None
    bob.post(url(people, user, f"{note.pk}/"), {"delete": "1"})
    assert not Note.objects.exists()
    assert AuditEntry.objects.filter(action="edited", subject=f"user {user.uid}").count() == 3


def test_what_cannot_be_kept_stays_in_the_form(people: People, user: AppUser) -> None:
    answer = browser(people.bob).post(url(people, user, "write/"), {"text": "x" * 4001})
    assert answer.status_code == 422
    assert b"A note has 1 to 4000 characters." in answer.content
    assert b"x" * 4001 in answer.content
    assert not Note.objects.exists()


def test_notes_of_others_are_theirs_but_for_admins(people: People, user: AppUser) -> None:
    browser(people.alice).post(url(people, user, "write/"), {"text": "Mine"})
    note = Note.objects.get()
    browser(people.bob).post(url(people, user, f"{note.pk}/"), {"text": "Not mine"})
    browser(people.bob).post(url(people, user, f"{note.pk}/"), {"delete": "1"})
    assert Note.objects.get().text == "Mine"
    Note.objects.update(author=people.bob)
    browser(people.alice).post(url(people, user, f"{note.pk}/"), {"delete": "1"})
    assert not Note.objects.exists()


def test_a_note_is_about_the_user_of_the_address_alone(people: People, user: AppUser) -> None:
    other = make_user(people.app, "other", seen_at=NOON)
    browser(people.bob).post(url(people, user, "write/"), {"text": "About the first"})
    note = Note.objects.get()
    assert browser(people.bob).post(url(people, other, f"{note.pk}/"), {"delete": "1"}).status_code == 404
    assert b"About the first" not in browser(people.bob).get(url(people, other)).content


def test_notes_follow_a_merge(people: People, user: AppUser) -> None:
    other = make_user(people.app, "other", seen_at=NOON)
    browser(people.bob).post(url(people, other, "write/"), {"text": "About the second"})
    merge_by_hand(survivor=user, absorbed=other, merged_by=people.alice, now=NOON)
    assert [note.text for note in notes_of(user.id)] == ["About the second"]
