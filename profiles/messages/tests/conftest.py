"""The stand-in for the providers, one for the whole run; each test finds its book empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from profiles.messages.standin.accounts import AppleAccount, FirebaseAccount, new_apple, new_firebase
from profiles.messages.standin.book import Book
from profiles.messages.standin.server import StandIn


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
