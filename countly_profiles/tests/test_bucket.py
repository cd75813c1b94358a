"""Pictures in a bucket: taken from an SDK, shown, exported, and gone with the person and with the app."""

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from unittest import mock

import pytest
from botocore.exceptions import ClientError
from django.conf import settings as configured
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings

from countly_profiles import media
from ingest import app_keys, views
from ingest.tests.sending import START, SUCCESS, apply_all, user_of
from profiles import pictures
from profiles.access.models import App
from profiles.privacy import person_export
from profiles.privacy.forgetting import forget
from profiles.tests import bucket as stand_in
from profiles.tests.bucket import ACCESS_KEY, BUCKET, SECRET_KEY, Bucket
from profiles.tests.factories import People, make_people
from profiles.tests.test_pictures import picture

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bucket() -> Iterator[Bucket]:
    with stand_in.running() as here:
        chosen = media.storage(
            bucket=BUCKET,
            endpoint=here.endpoint,
            region="eu-central-1",
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            prefix="countly",
        )
        with override_settings(STORAGES={**configured.STORAGES, "default": chosen}):
            yield here


@pytest.fixture
def people() -> People:
    return make_people()


def upload(app: App, device_id: str, second: int = 0) -> None:
    """Send a picture as Android does."""
    app_keys.forget()
    file = SimpleUploadedFile("me.png", picture(), "image/png")
    stamp = int(START.timestamp() * 1000) + second * 1000
    with mock.patch.object(views, "wake"):
        answer = Client().post(
            "/i", {"app_key": app.key, "device_id": device_id, "timestamp": stamp, "begin_session": 1, "file": file}
        )
    assert (answer.status_code, answer.content) == (200, SUCCESS)
    apply_all()


def test_from_an_upload_to_the_end(client: Client, people: People, bucket: Bucket) -> None:
    upload(people.app, "d")
    user = user_of(people.app, "d")
    assert user.picture is not None
    name = pictures.name_in(user.picture)
    [(key, content)] = bucket.objects.items()
    assert key == f"countly/pictures/{people.app.public_id}/{name}"
    client.force_login(people.charlie)
    assert client.get(user.picture).status_code == 404
    client.force_login(people.bob)
    answer = client.get(user.picture)
    assert (answer.status_code, answer.content) == (200, content)
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("image/jpeg", "nosniff")
    assert client.get(f"/apps/{people.app.public_id}/pictures/{'0' * 40}.jpg").status_code == 404
    packed = b"".join(person_export.stream(people.app, user, datetime.now(tz=UTC)))
    assert zipfile.ZipFile(io.BytesIO(packed)).read("picture.jpg") == content
    bucket.is_broken = True
    with pytest.raises(ClientError):
        forget(people.app, [user.id], datetime.now(tz=UTC))
    assert user_of(people.app, "d").picture == user.picture
    bucket.is_broken = False
    assert forget(people.app, [user.id], datetime.now(tz=UTC)).users == 1
    assert bucket.objects == {}


def test_an_app_is_emptied_but_for_its_icon(people: People, bucket: Bucket) -> None:
    upload(people.app, "d")
    upload(people.app, "e")
    icon = pictures.name_in(pictures.store(people.app.public_id, picture(), owner="icon"))
    bucket.objects["countly/pictures/neighbour/x.jpg"] = b"kept"
    assert len(bucket.objects) == 4
    pictures.forget_all(people.app.public_id, but=icon)
    assert {key.rpartition("/")[2] for key in bucket.objects} == {icon, "x.jpg"}
    pictures.forget_all("0" * 24)
    assert len(bucket.objects) == 2


def test_a_broken_bucket_costs_the_picture_only(client: Client, people: People, bucket: Bucket) -> None:
    upload(people.app, "d")
    bucket.is_broken = True
    upload(people.app, "e")
    late = user_of(people.app, "e")
    assert (late.picture, late.activity.sessions_count) == (None, 1)
    client.force_login(people.bob)
    assert client.get(user_of(people.app, "d").picture or "").status_code == 404
    bucket.is_broken = False
    upload(people.app, "e", 60)
    assert user_of(people.app, "e").picture is not None


def test_without_a_bucket_there_is_a_directory() -> None:
    said = media.storage(bucket="", endpoint="", region="", access_key="", secret_key="", prefix="")
    assert said == {"BACKEND": "django.core.files.storage.FileSystemStorage"}
