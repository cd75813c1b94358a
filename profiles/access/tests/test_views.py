import pytest
from django.test import Client
from django.urls import reverse

from profiles.tests.factories import PASSWORD, People, make_app, make_people, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return make_people()


def test_one_signs_in_and_arrives_at_the_app(client: Client, people: People) -> None:
    assert "Sign in" in client.get(reverse("login")).content.decode()
    response = client.post(reverse("login"), {"username": "bob", "password": PASSWORD}, follow=True)
    assert response.redirect_chain[-1][0] == reverse("directory:users", args=[people.app.public_id])


def test_a_wrong_password_is_said_to_be_wrong(client: Client, people: People) -> None:
    page = client.post(reverse("login"), {"username": "bob", "password": "?"}).content.decode()
    assert "correct username and password" in page


def test_home_leads_to_the_app_looked_at_last(client: Client, people: People) -> None:
    other = make_app("Zebra", owner=people.alice)
    client.force_login(people.alice)
    assert client.get("/", follow=True).redirect_chain[-1][0] == people.app.get_absolute_url()
    client.get(other.get_absolute_url())
    assert client.get("/", follow=True).redirect_chain[-1][0] == other.get_absolute_url()


def test_who_has_no_app_is_told_whom_to_ask(client: Client) -> None:
    client.force_login(make_person("dora"))
    assert "No app is shared with you yet" in client.get("/").content.decode()


def test_the_theme_turns_without_scripts(client: Client) -> None:
    response = client.post(reverse("theme"), {"next": "/login/"})
    assert response["Location"] == "/login/"
    assert response.cookies["theme"].value == "light"
    client.post(reverse("theme"))
    assert 'data-theme="dark"' in client.get(reverse("login")).content.decode()


def test_the_theme_never_leads_elsewhere(client: Client) -> None:
    assert client.post(reverse("theme"), {"next": "https://evil.test/"})["Location"] == "/"


def test_made_up_themes_are_not_shown(client: Client) -> None:
    client.cookies["theme"] = '"><script>'
    assert "data-theme=" not in client.get(reverse("login")).content.decode().split("<body")[0]


def test_pages_that_do_not_exist_say_so_in_our_frame(client: Client) -> None:
    response = client.get("/nothing/here/")
    assert response.status_code == 404
    assert "There is nothing here that you may see" in response.content.decode()


def test_one_signs_out(client: Client, people: People) -> None:
    client.force_login(people.bob)
    assert client.post(reverse("logout"))["Location"] == reverse("login")
    assert client.get("/").status_code == 302
