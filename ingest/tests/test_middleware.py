"""SDK paths are answered before what pages need."""

from unittest import mock

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from ingest import app_keys, views
from ingest.tests.sending import SUCCESS
from profiles.access.models import App

_FORM = "application/x-www-form-urlencoded"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/i", "/i/bulk", "/o/sdk", "/o/ping"])
def test_it_answers_sdks_under_any_host_name(client: Client, path: str) -> None:
    assert client.get(path, HTTP_HOST="old-name.example").json()["result"] != "Bad Request (400)"


@pytest.mark.django_db
def test_it_takes_data_under_any_host_name_with_one_statement(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    app = App.objects.create(name="Shop")
    app_keys.forget()
    body = f"app_key={app.key}&device_id=d"
    with mock.patch.object(views, "wake"):
        client.post("/i", body, content_type=_FORM)  # what is remembered for seconds is known then
        with django_assert_num_queries(1):
            answer = client.post("/i", body, content_type=_FORM, HTTP_HOST="old-name.example")
    assert answer.content == SUCCESS
    assert "Set-Cookie" not in answer.headers


@pytest.mark.django_db
def test_it_leaves_pages_to_the_rest(client: Client) -> None:
    assert client.get("/login/", HTTP_HOST="old-name.example").status_code == 400
