"""Malformed requests by the thousand: each is answered, none is stuck, none is refused by a fault of ours.

FUZZ_REQUESTS says how many are sent.
"""

import os
import random
import tracemalloc
from urllib.parse import quote_plus

import pytest
from django.db import connection
from django.test import RequestFactory

from ingest import app_keys, apply, views
from ingest.models import InboxRequest, IngestRequest
from profiles.access.services import create_app

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "1500"))
AT_ONCE = 500
MOST_GROWTH = 5 * 1024 * 1024
NAMES = (
    "events",
    "metrics",
    "user_details",
    "crash",
    "consent",
    "location",
    "country_code",
    "city",
    "timestamp",
    "hour",
    "dow",
    "tz",
    "t",
    "rr",
    "begin_session",
    "end_session",
    "session_duration",
    "old_device_id",
    "token_session",
    "android_token",
    "ios_token",
    "test_mode",
    "hc",
    "campaign_id",
    "apm",
    "ip_address",
    "method",
    "requests",
    "callback",
    "checksum256",
    "no_meta",
    "ignore_cooldown",
    "sdk_name",
    "picture",
)
PIECES = (
    "{", "}", "[", "]", '"', ":", ",", "null", "true", "-1", "1e999", "NaN", "9" * 40, "\0", "\ud83d", "\\ud800", "é",
    "$inc", "$push", '{"key":"x"}', '[{"key":"[CLY]_view","segmentation":{"visit":1,"name":"n"}}]', "1732000000",
    "1732000000000", '{"custom":{"a":{"$inc":1e308}}}', '{"name":"\\u0000"}', '{"_error":"x","_os":"y"}', "[" * 200,
    '{"custom":{"a":{"$push":[[1],{}]}}}', "90,180", "d1", "d2", "%", "%zz", "&", "=", "1", "0", "sc", "a" * 300,
)  # fmt: skip
TYPES = ("application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x", "text/plain", "")
DOORS = ((views.take_request, "/i"), (views.take_bulk, "/i/bulk"), (views.answer_read, "/o/sdk"))


def _noise(chance: random.Random) -> str:
    return "".join(chance.choices(PIECES, k=chance.randint(0, 4)))


def _text(chance: random.Random, key: str) -> bytes:
    pairs = [f"app_key={key}", f"device_id=d{chance.randint(0, 50)}"] if chance.random() < 0.9 else []
    for name in chance.choices(NAMES, k=chance.randint(0, 8)):
        noise = _noise(chance).encode("utf-8", "replace").decode()
        pairs.append(f"{name}={quote_plus(noise) if chance.random() < 0.7 else noise}")
    return "&".join(pairs).encode()


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
            query = _text(chance, app.key).decode("latin-1") if chance.random() < 0.7 else ""
            body = _text(chance, app.key) if chance.random() < 0.8 else chance.randbytes(60)
            verb = chance.choice(("GET", "POST", "POST"))
            kind = chance.choice(TYPES)
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
