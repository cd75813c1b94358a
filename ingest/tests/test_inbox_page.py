"""The inbox's page: what was refused and why, applied again after the fault was mended."""

from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.test import Client

from ingest import apply, pages
from ingest.models import IngestRequest
from ingest.tests.sending import apply_all, send, user_of
from ingest.wire.refusal import Refusal
from ingest.wire.request import RawRequest, SdkRequest, parse as real_parse
from profiles.access.models import AuditEntry
from profiles.tests.factories import make_app

pytestmark = pytest.mark.django_db


def test_refused_requests_are_shown_and_applied_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.force_login(User.objects.create_superuser("root"))
    assert "Nothing was refused" in client.get("/inbox/").content.decode()
    app = make_app("Kahve")
    send(app, "good", 0, begin_session=1)
    send(app, "bad", 0, user_details={"name": "<script>alert(1)</script>"})

    def parse(raw: RawRequest) -> SdkRequest | Refusal:
        if b"script" in raw.body:  # a fault that one request alone brings out
            raise ZeroDivisionError
        return real_parse(raw)

    with monkeypatch.context() as patch:
        patch.setattr(apply, "parse", parse)
        apply_all()
    page = client.get("/inbox/?reason=failed_ZeroDivisionError").content.decode()
    assert "failed ZeroDivisionError" in page
    assert "Kahve" in page
    assert "<script>alert" not in page
    with mock.patch.object(pages, "wake"):
        client.post("/inbox/apply-again/", {"reason": "failed_ZeroDivisionError"})
    apply_all()
    assert user_of(app, "bad").name == "<script>alert(1)</script>"
    assert not IngestRequest.objects.filter(verdict=IngestRequest.Verdict.REFUSED).exists()
    assert AuditEntry.objects.get(action="replayed").detail == {"reason": "failed_ZeroDivisionError", "requests": 1}
