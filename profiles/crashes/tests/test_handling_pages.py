"""Merging, splitting and comments on the page of a group; what else follows a merge."""

from datetime import timedelta
from urllib.parse import urlencode
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from profiles.access.models import App, AuditEntry
from profiles.crashes import merging, occurrences
from profiles.crashes.conditions import HIT, NOT_HIT, NOT_VERSION, VERSION, hit_by
from profiles.crashes.models import CrashComment, CrashGroup
from profiles.crashes.querysets import open_crashes, read_affecting
from profiles.crashes.services import record
from profiles.crashes.tests.conftest import NOW, OTHER, Make
from profiles.directory.audience import Audience, count_users, users_of
from profiles.directory.filters import tree
from profiles.directory.filters.fields import checked, in_words
from profiles.directory.filters.tree import Condition, Group
from profiles.profile.incidents import CrashIncidents
from profiles.tests.factories import People, make_app, make_people, make_user

DAY = timedelta(days=1)


@pytest.fixture
def people(db: None) -> People:
    return make_people(timezone="Europe/Istanbul")


@pytest.fixture
def app(people: People) -> App:
    return people.app


@pytest.fixture
def user(app: App) -> UUID:
    return make_user(app, "alices-phone", seen_at=NOW, name="Ayşe", app_version="2.0").id


@pytest.fixture
def alice(client: Client, people: People) -> Client:
    client.force_login(people.alice)
    return client


@pytest.fixture
def other_user(app: App) -> UUID:
    return make_user(app, "bertas-phone", seen_at=NOW, name="Berta").id


@pytest.fixture
def groups(occurrence: Make, other_user: UUID) -> tuple[CrashGroup, CrashGroup]:
    """Two crashes: the first hit Ayşe thrice, the second once, and Berta in version 2.0 later."""
    record([occurrence(at=NOW - n * DAY) for n in range(1, 4)])
    record([occurrence(OTHER, at=NOW - 5 * DAY), occurrence(OTHER, of=other_user, version="2.0")])
    return CrashGroup.objects.get(title__contains="Null"), CrashGroup.objects.get(title__contains="Cart")


def address(group: CrashGroup, name: str = "group", *more: object) -> str:
    return reverse(f"crashes:{name}", args=[group.app.public_id, group.public_id, *more])


class TestMerging:
    def test_the_page_offers_others_and_merges_them(
        self, alice: Client, groups: tuple[CrashGroup, CrashGroup], app: App
    ) -> None:
        group, other = groups
        page = alice.get(address(group, "merge")).content.decode()
        assert f'value="{other.public_id}"' in page
        assert f'value="{group.public_id}"' not in page
        assert other.public_id not in alice.get(address(group, "merge"), {"q": "nothing like it"}).content.decode()

        alice.post(address(group, "merge"), {"with": [other.public_id]})
        other.refresh_from_db()
        assert other.merged_into == group
        assert AuditEntry.objects.get(app=app).detail["merged"] == [other.public_id]

    def test_a_merged_group_leads_to_the_one_that_stands_for_it(
        self, alice: Client, groups: tuple[CrashGroup, CrashGroup]
    ) -> None:
        group, other = groups
        merging.merge(group=group, others=[other])
        assert alice.get(address(other)).headers["Location"] == address(group)
        assert open_crashes(group.app) == 1
        page = alice.get(address(group)).content.decode()
        assert "Merged into this crash" in page
        assert "Berta" in page

    def test_everything_of_the_page_is_read_over_all_members(self, groups: tuple[CrashGroup, CrashGroup]) -> None:
        group, other = groups
        merging.merge(group=group, others=[other])
        members = merging.member_ids(group)
        newest = occurrences.read_occurrence(members, None)
        assert newest is not None
        assert newest.app_version == "2.0"
        times = [crash.occurred_at for crash in occurrences.read_occurrences(members, None, None).crashes]
        assert times == [NOW, *(NOW - n * DAY for n in (1, 2, 3, 5))]
        before = occurrences.Position(newest.occurred_at, newest.id)
        assert len(occurrences.read_occurrences(members, before, None).crashes) == 4
        assert len(occurrences.read_facts(members)) == 5
        # Ayşe has a row in each group, and is named once.
        assert [(hit.user.name, hit.count) for hit in occurrences.read_hit_users(members, None).users if hit.user] == [
            ("Berta", 1),
            ("Ayşe", 4),
        ]
        assert [(row.version, row.count) for row in occurrences.read_versions(members)] == [("2.0", 1), ("1.0", 4)]

    def test_profiles_show_the_group_that_stands_for_all(
        self, groups: tuple[CrashGroup, CrashGroup], user: UUID, app: App
    ) -> None:
        group, other = groups
        merging.merge(group=group, others=[other])
        [affecting] = read_affecting(user)
        assert (affecting.group, affecting.count) == (group, 4)
        happenings = CrashIncidents(app).newest(user, None, 10)
        assert {one.url for one in happenings} == {group.get_absolute_url()}

    def test_splitting_takes_it_back(self, alice: Client, groups: tuple[CrashGroup, CrashGroup]) -> None:
        group, other = groups
        merging.merge(group=group, others=[other])
        alice.post(address(group, "split"), {"member": other.public_id})
        other.refresh_from_db()
        assert other.merged_into is None
        assert alice.get(address(other)).status_code == 200
        assert alice.post(address(group, "split"), {"member": other.public_id}, follow=True).status_code == 200

    def test_it_rejects_a_group_of_another_app(self, alice: Client, groups: tuple[CrashGroup, CrashGroup]) -> None:
        foreign = CrashGroup.objects.create(
            app=make_app("Elsewhere"),
            fingerprint="f",
            title="T",
            is_fatal=True,
            first_seen_at=NOW,
            last_seen_at=NOW,
        )
        alice.post(address(groups[0], "merge"), {"with": [foreign.public_id]})
        foreign.refresh_from_db()
        assert foreign.merged_into is None

    def test_bob_cannot_merge(self, people: People, groups: tuple[CrashGroup, CrashGroup], client: Client) -> None:
        client.force_login(people.bob)
        assert client.post(address(groups[0], "merge"), {"with": [groups[1].public_id]}).status_code == 403


class TestComments:
    def test_one_says_changes_and_deletes(self, alice: Client, groups: tuple[CrashGroup, CrashGroup]) -> None:
        group = groups[0]
        alice.post(address(group, "comment"), {"text": "<b>Ours</b>, since 1.0"})
        comment = CrashComment.objects.get()
        assert "&lt;b&gt;Ours&lt;/b&gt;" in alice.get(address(group)).content.decode()
        alice.post(address(group, "change_comment", comment.pk), {"text": "Fixed"})
        comment.refresh_from_db()
        assert (comment.text, comment.edited_at is None) == ("Fixed", False)
        alice.post(address(group, "comment"), {"text": "  "})
        alice.post(address(group, "change_comment", comment.pk), {"delete": "1"})
        assert not CrashComment.objects.exists()

    def test_nobody_changes_what_others_said(self, alice: Client, groups: tuple[CrashGroup, CrashGroup]) -> None:
        comment = CrashComment.objects.create(group=groups[0], author_name="gone", text="Mine", created_at=NOW)
        assert alice.post(address(groups[0], "change_comment", comment.pk), {"text": "Yours"}).status_code == 403
        # Another group's address does not reach it.
        assert alice.post(address(groups[1], "change_comment", comment.pk), {"delete": "1"}).status_code == 404


class TestFilter:
    def names(self, app: App, *condition: str) -> list[str]:
        name, operator, *values = condition
        asked = checked(Group((Condition(name, operator, tuple(values)),)))
        return sorted(user.name or "" for user in users_of(app, Audience(filter=asked)))

    def test_the_number_on_the_page_is_the_number_of_the_list(
        self, alice: Client, app: App, groups: tuple[CrashGroup, CrashGroup]
    ) -> None:
        make_user(app, "charlies-phone", seen_at=NOW)
        for group in groups:
            group.refresh_from_db()
            assert count_users(app, Audience(filter=checked(Group((hit_by(group),))))) == group.users_count
        merging.merge(group=groups[0], others=[groups[1]])
        assert groups[0].users_count == 2
        link = reverse("directory:users", args=[app.public_id])
        query = urlencode({"filter": tree.write(Group((hit_by(groups[0]),)))})
        assert f"{link}?{query}" in alice.get(address(groups[0])).content.decode()
        listed = alice.get(f"{link}?{query}").content.decode()
        assert "Ayşe" in listed
        assert "Berta" in listed
        assert "charlies-phone" not in listed

    def test_times_versions_and_days(self, app: App, groups: tuple[CrashGroup, CrashGroup]) -> None:
        first, second = (group.public_id for group in groups)
        assert self.names(app, "crash", HIT, first, "3") == ["Ayşe"]
        assert self.names(app, "crash", HIT, first, "4") == []
        assert self.names(app, "crash", NOT_HIT, first, "1") == ["Berta"]
        assert self.names(app, "crash", HIT, second, "1", "2.0") == ["Berta"]
        assert self.names(app, "crash", HIT, second, "1", "1.0") == ["Ayşe"]
        assert self.names(app, "crash", VERSION, "1.0") == ["Ayşe"]
        assert self.names(app, "crash", NOT_VERSION, "1.0") == ["Berta"]
        merging.merge(group=groups[0], others=[groups[1]])
        assert self.names(app, "crash", HIT, first, "4") == ["Ayşe"]
        assert self.names(app, "crash", HIT, second, "1") == ["Ayşe", "Berta"]

    def test_it_is_said_in_words(self, app: App, groups: tuple[CrashGroup, CrashGroup]) -> None:
        asked = checked(Group((Condition("crash", HIT, (groups[1].public_id, "2", "1.0", "7")),)))
        assert in_words(asked, app.pk) == (
            f"was hit by “{groups[1].title}” 2 or more times in version 1.0 in the last 7 days"
        )

    def test_a_group_of_another_app_hit_nobody(self, groups: tuple[CrashGroup, CrashGroup]) -> None:
        elsewhere = make_app("Elsewhere")
        make_user(elsewhere, "d", seen_at=NOW)
        assert self.names(elsewhere, "crash", HIT, groups[0].public_id, "1") == []


def test_the_list_by_version_holds_what_struck_in_it_itself_or_by_a_member(
    alice: Client, app: App, groups: tuple[CrashGroup, CrashGroup]
) -> None:
    address = reverse("crashes:list", args=[app.public_id])

    def listed(version: str) -> list[bool]:
        page = alice.get(address, {"version": version}).content.decode()
        return [f'id="crash-{group.public_id}"' in page for group in groups]

    assert [listed("1.0"), listed("2.0"), listed("3.0")] == [[True, True], [False, True], [False, False]]
    merging.merge(group=groups[0], others=[groups[1]])
    assert listed("2.0") == [True, False]
    assert ">2.0</option>" in alice.get(address).content.decode()


def test_comments_of_a_merged_group_stand_on_the_page_of_the_one_it_is_in(
    alice: Client, people: People, groups: tuple[CrashGroup, CrashGroup]
) -> None:
    comment = CrashComment.objects.create(
        group=groups[1], author=people.alice, author_name="alice", text="Cart again", created_at=NOW
    )
    merging.merge(group=groups[0], others=[groups[1]])
    assert "Cart again" in alice.get(address(groups[0])).content.decode()
    alice.post(address(groups[0], "change_comment", comment.pk), {"delete": "1"})
    assert not CrashComment.objects.exists()
