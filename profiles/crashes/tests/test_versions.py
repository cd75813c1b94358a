"""Which version is newer."""

from itertools import pairwise

import pytest

from profiles.crashes.versions import is_newer, newest

OLDEST_FIRST = [
    "",
    "0.9",
    "1.0-alpha",
    "1.0-beta2",
    "1.0-rc.1",
    "1.0",
    "1.0.1",
    "1.2.9",
    "1.2.10",
    "1.10",
    "2",
    "2024.1",
]


@pytest.mark.parametrize(("older", "newer"), list(pairwise(OLDEST_FIRST)))
def test_it_orders_versions(older: str, newer: str) -> None:
    assert is_newer(newer, older)
    assert not is_newer(older, newer)


@pytest.mark.parametrize(
    ("one", "same"), [("1.0", "1"), ("v1.2", "1.2"), ("1.2+312", "1.2+313"), ("", "—"), ("2.0-RC1", "2-rc1")]
)
def test_it_sees_equals(one: str, same: str) -> None:
    assert not is_newer(one, same)
    assert not is_newer(same, one)


def test_it_bears_what_strangers_send() -> None:
    assert is_newer("9" * 5000, "1")
    assert not is_newer("٣", "1")


def test_it_finds_the_newest() -> None:
    assert newest(["1.2", "1.10", "1.9", "1.10.0"]) == "1.10"
    assert newest([]) == ""
