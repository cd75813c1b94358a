"""Signing in by OpenID Connect, against a provider of our own that speaks it over HTTP."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from profiles.access.models import AuditEntry
from profiles.tests.factories import make_person

pytestmark = pytest.mark.django_db


class Provider:
    """An OpenID Connect provider for one person."""

    def __init__(self) -> None:
        self.person: dict[str, Any] = {"sub": "7", "preferred_username": "dora", "email": "dora@kahve.test"}
        self.token_requests: list[dict[str, list[str]]] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(provider.person if self.path == "/userinfo" else provider.configuration())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                provider.token_requests.append(parse_qs(body))
                self.answer({"access_token": "opaque", "token_type": "bearer"})

            def answer(self, content: dict[str, Any]) -> None:
                body = json.dumps(content).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }


@pytest.fixture
def provider(settings: Settings) -> Iterator[Provider]:
    made = Provider()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    app = {
        "provider_id": "openid",
        "name": "Ours",
        "client_id": "us",
        "secret": "a secret",
        "settings": {"server_url": made.url},
    }
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}
    yield made
    made.server.shutdown()
    made.server.server_close()


def sign_in(client: Client, then: str = "/account/keys/") -> str:
    """Go to the provider and come back; return where that led."""
    there = client.post("/openid/openid/", {"next": then})["Location"]
    asked = parse_qs(urlsplit(there).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert "a secret" not in there
    answer = client.get("/openid/openid/callback/", {"code": "c", "state": asked["state"][0]})
    return str(answer.headers.get("Location", answer.status_code))


def test_somebody_new_gets_an_account_that_sees_nothing(client: Client, provider: Provider) -> None:
    assert sign_in(client) == "/account/keys/"
    dora = User.objects.get()
    assert (dora.username, dora.is_staff, dora.has_usable_password()) == ("dora", False, False)
    assert "No app is shared" in client.get("/").content.decode()
    assert AuditEntry.objects.get(action="signed_in").actor_name == "dora"
    assert "code_verifier" in provider.token_requests[0]
    client.logout()
    sign_in(client)
    assert User.objects.count() == 1


def test_a_name_or_address_of_somebody_else_takes_no_account_over(client: Client, provider: Provider) -> None:
    make_person("dora", email="dora@kahve.test", is_superuser=True)
    sign_in(client)
    assert User.objects.count() == 2
    newcomer = User.objects.get(is_superuser=False)
    assert client.session["_auth_user_id"] == str(newcomer.pk)


def test_nobody_new_is_let_in_where_the_settings_say_so(client: Client, provider: Provider, settings: Settings) -> None:
    settings.OIDC_SIGN_UP = False
    sign_in(client)
    assert not User.objects.exists()
    assert client.get("/account/keys/").status_code == 302


def test_an_answer_that_nobody_asked_for_signs_nobody_in(client: Client, provider: Provider) -> None:
    answer = client.get("/openid/openid/callback/", {"code": "c", "state": "made up"})
    assert "did not work" in answer.content.decode()
    assert not User.objects.exists()


def test_it_leads_to_no_other_server(client: Client, provider: Provider) -> None:
    assert sign_in(client, "https://evil.test/") == "/"


def test_without_a_provider_there_is_no_such_address(client: Client) -> None:
    assert client.post("/openid/openid/").status_code == 404
    assert "openid" not in client.get("/login/").content.decode()
