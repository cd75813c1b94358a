"""The stand-in for the providers, one for the whole run; each test finds its book empty."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pytest_django.fixtures import Settings

from profiles.access.models import App
from profiles.messages import accounts
from profiles.messages.credentials import AppleKey, GoogleAccount
from profiles.messages.standin.accounts import AppleAccount, FirebaseAccount, new_apple, new_firebase
from profiles.messages.standin.book import Book
from profiles.messages.standin.server import StandIn
from profiles.messages.tests.making import Ready
from profiles.tests.factories import make_app, make_person


@pytest.fixture(scope="session")
def running_standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """Start the servers."""
    directory: Path = tmp_path_factory.mktemp("standin")
    with StandIn(directory) as standin:
        yield standin


@pytest.fixture
def standin(running_standin: StandIn) -> StandIn:
    """Give the servers a new book."""
    running_standin.book = Book()
    return running_standin


@pytest.fixture(scope="session")
def apple_account() -> AppleAccount:
    return new_apple()


@pytest.fixture(scope="session")
def firebase_account(running_standin: StandIn) -> FirebaseAccount:
    return new_firebase(running_standin.token_uri)


@pytest.fixture
def apple(standin: StandIn, apple_account: AppleAccount) -> AppleAccount:
    """A team that the stand-in knows."""
    standin.book.apple[apple_account.key_id] = apple_account
    return apple_account


@pytest.fixture
def firebase(standin: StandIn, firebase_account: FirebaseAccount) -> FirebaseAccount:
    """A service account that the stand-in knows."""
    standin.book.firebase[firebase_account.project_id] = firebase_account
    return firebase_account


@pytest.fixture
def app(db: None) -> App:
    """An app without credentials."""
    return make_app("Kahve", timezone="Europe/Istanbul")


@pytest.fixture
def ready(app: App, standin: StandIn, apple: AppleAccount, firebase: FirebaseAccount, settings: Settings) -> Ready:
    """An app that Apple and Google know, and the stand-in in their place."""
    places = standin.addresses
    settings.PUSH_APNS_PRODUCTION, settings.PUSH_APNS_SANDBOX = places.apns_production, places.apns_sandbox
    settings.PUSH_FCM, settings.PUSH_CA_FILE = places.fcm, places.ca_file
    settings.PUSH_TOKEN_HOSTS = [urlsplit(standin.token_uri).netloc]
    now = datetime.now(tz=UTC)
    accounts.store(app, AppleKey(apple.key_id, apple.team_id, apple.topic, apple.key.private), "", now)
    accounts.store(app, GoogleAccount.read(firebase.as_json()), "", now)
    return Ready(app, standin, make_person("author"))
