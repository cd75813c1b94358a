"""What somebody who reads pages is told when something breaks."""

from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from countly_profiles import error_pages

handler500 = error_pages.broken
_FAULTS = {"away": OperationalError("gone"), "closed": InterfaceError("closed"), "bug": ValueError("a bug")}


def break_down(_request: HttpRequest, name: str) -> HttpResponse:
    raise _FAULTS[name]


urlpatterns = [path("break/<name>/", break_down)]


@pytest.fixture
def a_client(settings: Any) -> Client:
    settings.ROOT_URLCONF = __name__
    return Client(raise_request_exception=False)


@pytest.mark.parametrize("name", ["away", "closed"])
def test_without_a_database_people_are_asked_to_come_again(a_client: Client, name: str) -> None:
    answer = a_client.get(f"/break/{name}/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "The database does not answer just now" in answer.content.decode()


def test_whatever_else_breaks_is_our_fault(a_client: Client) -> None:
    answer = a_client.get("/break/bug/")
    assert answer.status_code == 500
    assert "Something broke on our side" in answer.content.decode()
