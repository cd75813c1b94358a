"""Members, invitations and the second factor, as people meet them."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client

from profiles.access import second_factor, totp
from profiles.access.models import AuditEntry, Invitation, Membership, SecondFactor
from profiles.tests.factories import PASSWORD, People, make_people, make_person

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LINK = re.compile(r"http://testserver(/invitations/[\w-]+/)")


@pytest.fixture
def people() -> People:
    return make_people()


def invite(client: Client, people: People, role: str = "analyst") -> str:
    """Make an invitation as Alice, and return the address of its link."""
    client.force_login(people.alice)
    form = {"note": "Dora <i>of sales</i>", "role": role}
    page = client.post(f"/apps/{people.app.public_id}/settings/members/", form).content.decode()
    found = LINK.search(page)
    assert found
    assert "<i>of" not in page
    return found[1]


class TestInvitations:
    def test_who_opens_the_link_makes_an_account_and_joins_once(self, client: Client, people: People) -> None:
        link = invite(client, people)
        stranger = Client()
        assert "Kahve" in stranger.get(link).content.decode()
        weak = {"username": "dora", "password1": "12345678", "password2": "12345678"}
        assert "too common" in stranger.post(link, weak).content.decode()
        good = weak | {"password1": PASSWORD, "password2": PASSWORD}
        assert stranger.post(link, good)["Location"] == people.app.get_absolute_url()
        assert stranger.get(people.app.get_absolute_url()).status_code == 200
        assert Membership.objects.get(user__username="dora").role == "analyst"
        assert Client().get(link).status_code == 410
        assert Client().post(link, good | {"username": "other"}).status_code == 410
        assert not User.objects.filter(username="other").exists()
        assert AuditEntry.objects.filter(app=people.app, subject__startswith="joined").exists()

    def test_who_has_an_account_joins_with_it_and_loses_no_role(self, client: Client, people: People) -> None:
        link = invite(client, people, "viewer")
        client.force_login(people.charlie)
        assert "charlie" in client.get(link).content.decode()
        assert not Membership.objects.filter(user=people.charlie, app=people.app).exists()
        client.post(link)
        assert Membership.objects.get(user=people.charlie, app=people.app).role == "viewer"
        link = invite(client, people, "viewer")
        client.post(link)
        assert Membership.objects.get(user=people.alice, app=people.app).role == "admin"

    def test_old_renewed_and_revoked_links_open_nothing(self, client: Client, people: People) -> None:
        with time_machine.travel(NOW):
            link = invite(client, people)
            assert Client().get(link).status_code == 200
        with time_machine.travel(NOW + timedelta(days=8)):
            assert Client().get(link).status_code == 410
            client.force_login(people.alice)
            address = f"/apps/{people.app.public_id}/settings/invitations/{Invitation.objects.get().pk}/"
            page = client.post(address, {"renew": "1"}).content.decode()
            found = LINK.search(page)
            assert found
            assert Client().get(link).status_code == 410
            assert Client().get(found[1]).status_code == 200
            client.post(address)
            assert Client().get(found[1]).status_code == 410

    def test_the_link_is_not_in_the_database(self, client: Client, people: People) -> None:
        token = invite(client, people).split("/")[2]
        assert token not in str(list(Invitation.objects.values())) + str(list(AuditEntry.objects.values()))


class TestMembers:
    def test_roles_change_and_end(self, client: Client, people: People) -> None:
        client.force_login(people.alice)
        bob = Membership.objects.get(user=people.bob)
        address = f"/apps/{people.app.public_id}/settings/members/{bob.pk}/"
        client.post(address, {"role": "analyst"})
        bob.refresh_from_db()
        assert bob.role == "analyst"
        client.post(address, {"role": "owner"})
        client.post(address, {"remove": "1"})
        assert not Membership.objects.filter(user=people.bob).exists()
        client.force_login(people.bob)
        assert client.get(people.app.get_absolute_url()).status_code == 404
        said = AuditEntry.objects.filter(action="members_changed").values_list("detail", flat=True)
        assert [one["role"] for one in said.order_by("id")] == ["viewer → analyst", "analyst → none"]

    def test_the_last_admin_stays(self, client: Client, people: People) -> None:
        client.force_login(people.alice)
        alice = Membership.objects.get(user=people.alice)
        address = f"/apps/{people.app.public_id}/settings/members/{alice.pk}/"
        for form in ({"remove": "1"}, {"role": "viewer"}):
            assert "keep one admin" in client.post(address, form, follow=True).content.decode()
        alice.refresh_from_db()
        assert alice.role == "admin"


class TestSecondFactor:
    def set_up(self, client: Client, user: User) -> tuple[str, list[str]]:
        """Set up a second factor on its page; return the secret and the recovery codes."""
        client.force_login(user)
        page = client.get("/account/two-factor/").content.decode()
        assert "<svg" in page
        found = re.search(r">([A-Z2-7]{32})<", page)
        assert found
        secret = found[1]
        assert secret not in SecondFactor.objects.get(user=user).secret
        assert "not the code" in client.post("/account/two-factor/", {"code": "000000"}).content.decode()
        code = totp.code_at(secret, totp.step_of(datetime.now(tz=UTC)))
        page = client.post("/account/two-factor/", {"code": code}).content.decode()
        codes = re.findall(r"<li>([0-9a-f]{10})</li>", page)
        assert len(codes) == 10
        client.logout()
        return secret, codes

    def sign_in(self, client: Client, username: str, where: str = "/login/") -> str:
        answer = client.post(where, {"username": username, "password": PASSWORD})
        return str(answer["Location"])

    def test_the_password_alone_opens_nothing(self, client: Client, people: People) -> None:
        with time_machine.travel(NOW, tick=False) as clock:
            secret, _ = self.set_up(client, people.alice)
            clock.shift(timedelta(minutes=1))
            assert self.sign_in(client, "alice", "/login/?next=/account/keys/") == "/login/code/"
            assert client.get("/account/keys/").status_code == 302
            assert "wrong" in client.post("/login/code/", {"code": "123456"}).content.decode()
            code = totp.code_at(secret, totp.step_of(datetime.now(tz=UTC)))
            assert client.post("/login/code/", {"code": f"{code[:3]} {code[3:]}"})["Location"] == "/account/keys/"
            assert client.get("/account/keys/").status_code == 200
            client.logout()
            self.sign_in(client, "alice")
            assert "used already" in client.post("/login/code/", {"code": code}).content.decode()

    def test_a_recovery_code_opens_once(self, client: Client, people: People) -> None:
        _, codes = self.set_up(client, people.alice)
        self.sign_in(client, "alice")
        assert client.post("/login/code/", {"code": codes[0]})["Location"] == "/"
        client.logout()
        self.sign_in(client, "alice")
        assert client.post("/login/code/", {"code": codes[0]}).status_code == 200

    def test_guessing_is_locked_out(self, client: Client, people: People) -> None:
        with time_machine.travel(NOW, tick=False) as clock:
            secret, _ = self.set_up(client, people.alice)
            self.sign_in(client, "alice")
            answers = [client.post("/login/code/", {"code": "111111"}).status_code for _ in range(5)]
            assert answers == [200, 200, 200, 200, 429]
            clock.shift(timedelta(minutes=1))
            code = totp.code_at(secret, totp.step_of(datetime.now(tz=UTC)))
            assert client.post("/login/code/", {"code": code}).status_code == 429
            clock.shift(timedelta(minutes=15))
            self.sign_in(client, "alice")
            code = totp.code_at(secret, totp.step_of(datetime.now(tz=UTC)))
            assert client.post("/login/code/", {"code": code}).status_code == 302
        assert AuditEntry.objects.filter(action="locked_out", actor_name="alice").count() == 1

    def test_the_code_page_without_a_password_leads_back(self, client: Client, people: People) -> None:
        with time_machine.travel(NOW, tick=False) as clock:
            self.set_up(client, people.alice)
            assert client.get("/login/code/")["Location"] == "/login/"
            self.sign_in(client, "alice")
            clock.shift(timedelta(minutes=11))
            assert client.get("/login/code/")["Location"] == "/login/"

    def test_the_administration_asks_for_it_too(self, client: Client) -> None:
        root = make_person("root", is_staff=True, is_superuser=True)
        self.set_up(client, root)
        there = client.get("/admin/", follow=True).redirect_chain[-1][0]
        assert there == "/login/?next=%2Fadmin%2F"
        assert client.post("/admin/login/", {"username": "root", "password": PASSWORD}).status_code == 302
        assert client.get("/admin/").status_code == 302
        assert self.sign_in(client, "root", there) == "/login/code/"

    def test_it_is_given_up_with_a_code(self, client: Client, people: People) -> None:
        _, codes = self.set_up(client, people.alice)
        client.force_login(people.alice)
        client.post("/account/two-factor/", {"code": "nothing"})
        assert second_factor.of(people.alice)
        client.post("/account/two-factor/", {"code": codes[3]})
        assert second_factor.of(people.alice) is None
        client.logout()
        assert self.sign_in(client, "alice") == "/"
