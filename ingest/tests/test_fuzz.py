"""Malformed requests by the thousand: each is answered, none is stuck, none is refused by a fault of ours.

FUZZ_REQUESTS says how many are sent.
"""

import os
import random
import tracemalloc

import pytest
from django.db import connection
from django.test import RequestFactory

from ingest import app_keys, apply, views
from ingest.models import InboxRequest, IngestRequest
from ingest.tests import noise
from profiles.access.services import create_app

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "1500"))
AT_ONCE = 500
MOST_GROWTH = 5 * 1024 * 1024
DOORS = ((views.take_request, "/i"), (views.take_bulk, "/i/bulk"), (views.answer_read, "/o/sdk"))


@pytest.mark.slow
@pytest.mark.rule("delivery.any_input")
@pytest.mark.django_db
def test_malformed_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "wake", lambda: None)
    app = create_app(name="Kahve")
    chance = random.Random(20261123)
    requests = RequestFactory()
    app_keys.forget()
    after_first = 0
    tracemalloc.start()
    try:
        for number in range(1, REQUESTS + 1):
            door, path = chance.choice(DOORS)
            query = noise.parameters(chance, app.key).decode("latin-1") if chance.random() < 0.7 else ""
            body = noise.parameters(chance, app.key) if chance.random() < 0.8 else chance.randbytes(60)
            verb = chance.choice(("GET", "POST", "POST"))
            kind = chance.choice(noise.TYPES)
            answer = door(requests.generic(verb, path, body, content_type=kind, QUERY_STRING=query))
            assert answer.status_code in (200, 400), (verb, query, body)
            if number % AT_ONCE == 0 or number == REQUESTS:
                while apply.apply_waiting():
                    pass
                # The test's transaction never commits, so that these would only pile up, unlike a worker's.
                connection.run_on_commit.clear()
                after_first = after_first or tracemalloc.get_traced_memory()[0]
        growth = tracemalloc.get_traced_memory()[0] - after_first
    finally:
        tracemalloc.stop()
    assert not InboxRequest.objects.exists()
    assert not IngestRequest.objects.filter(reason__startswith="failed_").exists()
    assert IngestRequest.objects.exists()
    assert growth < MOST_GROWTH, growth
