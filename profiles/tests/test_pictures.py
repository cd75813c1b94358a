"""Uploaded pictures: judged by content, small, harmless, and shown to members only."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from PIL import Image
from playwright.sync_api import expect

from profiles import pictures, wording
from profiles.tests.browser import OpenPage
from profiles.tests.factories import make_people, make_user


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


def picture(kind: str = "PNG", size: tuple[int, int] = (400, 200)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind)
    return out.getvalue()


class TestThumbnail:
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
    def test_it_is_a_small_jpeg(self, kind: str) -> None:
        small = pictures.thumbnail(picture(kind))
        assert small is not None
        with Image.open(io.BytesIO(small)) as drawn:
            assert (drawn.format, drawn.size) == ("JPEG", (150, 75))

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\x89PNG\r\n\x1a\n",
            picture()[:200],
            b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
            picture("BMP"),
        ],
        ids=["empty", "only a signature", "cut off", "svg", "another format"],
    )
    def test_it_refuses(self, content: bytes) -> None:
        assert pictures.thumbnail(content) is None

    def test_it_refuses_a_bomb(self) -> None:
        out = io.BytesIO()
        Image.new("1", (20_000, 20_000)).save(out, "PNG")
        assert pictures.thumbnail(out.getvalue()) is None

    def test_nothing_but_pixels_survives(self) -> None:
        small = pictures.thumbnail(picture() + b"<script>alert(1)</script>")
        assert small is not None
        assert b"script" not in small


@pytest.mark.django_db
class TestAddress:
    def test_members_see_it_and_strangers_do_not(self, client: Client) -> None:
        people = make_people()
        address = pictures.store(people.app.public_id, picture(), owner="somebody")
        assert address is not None
        assert wording.safe_picture_url(address) == address
        assert client.get(address).status_code == 302
        for username, status in (("alice", 200), ("bob", 200), ("charlie", 404)):
            client.force_login(getattr(people, username))
            assert client.get(address).status_code == status
        client.force_login(people.bob)
        answer = client.get(address)
        assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("image/jpeg", "nosniff")

    def test_names_lead_nowhere_else(self, client: Client) -> None:
        people = make_people()
        client.force_login(people.alice)
        for name in ("..%2f..%2fsecret_key", "x.jpg", "0" * 40 + ".jpg"):
            assert client.get(f"/apps/{people.app.public_id}/pictures/{name}").status_code == 404


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_one_that_cannot_be_loaded_shows_the_initials(open_page: OpenPage) -> None:
    people = make_people()
    user = make_user(people.app, "d", name="Elif Yılmaz", picture="https://127.0.0.1:9/elif.png")
    page = open_page(people.bob, f"/apps/{people.app.public_id}/users/{user.uid}/", script=False)
    page.wait_for_load_state("networkidle")
    broken = page.locator(".profile-head .avatar")
    expect(broken.locator("img")).to_have_attribute("data-initials", "EY")
    with Image.open(io.BytesIO(broken.screenshot())) as shot:
        # Within the circle, and where browsers put their mark of a broken picture.
        patch = shot.convert("RGB").crop((11, 11, 16, 16))
        assert len(patch.getcolors() or ()) == 1
        assert len(shot.getcolors(1 << 16) or ()) > 10, "and there are letters"
