"""The replay itself: nothing of a request is lost or changed on its way."""

from datetime import timedelta

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.test import Client

from ingest.tests.replay import FILES, SALT, WRONGLY_SIGNED, Capture, captures, send, shifted, signed
from ingest.wire.checksum import has_valid_checksum

ALL = [capture for file in FILES for capture in captures(file)]
SALTED = [capture for capture in ALL if capture.is_salted and str(capture) != WRONGLY_SIGNED]


def is_well_signed(capture: Capture, salt: str = SALT) -> bool:
    return has_valid_checksum(capture.query, capture.body, capture.content_type, salt)


def test_all_files_are_read() -> None:
    assert [len(captures(file)) for file in FILES] == [36, 61, 14, 10]


@pytest.mark.parametrize("capture", ALL, ids=str)
def test_django_receives_the_bytes_that_were_captured(capture: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[tuple[str, str, bytes, bytes, str]] = []

    def take(request: WSGIRequest) -> HttpResponse:
        meta = request.META
        query = meta["QUERY_STRING"].encode("latin-1")
        received.append((str(request.method), request.path, query, request.body, meta.get("CONTENT_TYPE", "")))
        return HttpResponse()

    client = Client()
    monkeypatch.setattr(client, "handler", lambda environ: _handled(take, WSGIRequest(environ)))
    send(client, capture)
    assert received == [(capture.method, capture.path, capture.query, capture.body, capture.content_type)]


def _handled(take: object, request: WSGIRequest) -> HttpResponse:
    assert callable(take)
    response: HttpResponse = take(request)
    response.wsgi_request = request  # type: ignore[attr-defined]
    response.json = lambda: None  # type: ignore[attr-defined]
    return response


class TestSigning:
    def test_salted_captures_are_signed(self) -> None:
        assert len(SALTED) > 10
        assert all(is_well_signed(capture) for capture in SALTED)

    @pytest.mark.parametrize("capture", SALTED, ids=str)
    def test_signing_with_the_same_salt_changes_nothing(self, capture: Capture) -> None:
        assert signed(capture, SALT) == capture

    @pytest.mark.parametrize("capture", SALTED, ids=str)
    def test_another_salt_gives_another_checksum(self, capture: Capture) -> None:
        other = signed(capture, "pepper")
        assert is_well_signed(other, "pepper")
        assert not is_well_signed(other)


class TestShifting:
    @pytest.mark.parametrize("capture", SALTED, ids=str)
    def test_a_shifted_request_is_signed_anew(self, capture: Capture) -> None:
        moved = shifted(capture, timedelta(days=3))
        assert moved != capture
        assert is_well_signed(moved)

    @pytest.mark.parametrize("capture", [c for c in ALL if str(c) != WRONGLY_SIGNED], ids=str)
    def test_back_again_is_the_same(self, capture: Capture) -> None:
        assert shifted(shifted(capture, timedelta(hours=5)), timedelta(hours=-5)) == capture
