import uuid
from collections import Counter

import pytest
from hypothesis import assume, given, strategies as st

from profiles.users.keys import SHARDS, shard_of, uid, uid_number, user_key

APP = "58594c9a3f461ebc000761a7"


def test_user_key_never_changes() -> None:
    # Stored rows are found by this value: a change of the formula loses every user.
    assert user_key(APP, "user-42") == uuid.UUID("752916a3-2da3-0e39-fe1e-a8611dc39014")


@given(st.text(), st.text(), st.text(), st.text())
def test_user_key_tells_apart_every_pair(app: str, device: str, other_app: str, other_device: str) -> None:
    assume((app, device) != (other_app, other_device))
    assert user_key(app, device) != user_key(other_app, other_device)


@given(st.text(min_size=1), st.integers(min_value=0))
def test_user_key_joins_unambiguously(joined: str, cut: int) -> None:
    cut %= len(joined)
    assert user_key(joined[:cut], joined[cut:]) != user_key(joined, "")


@pytest.mark.parametrize("device", ["", " ", "a@b.lv", "Rīga +1", "\x00", "\ud800", "x" * 10_000])
def test_user_key_takes_any_device_id(device: str) -> None:
    assert user_key(APP, device) == user_key(APP, device)


def test_shards_are_even() -> None:
    keys = 64_000
    sizes = Counter(shard_of(user_key(APP, str(n))) for n in range(keys))
    assert sorted(sizes) == list(range(SHARDS))
    assert max(sizes.values()) < 1.2 * keys / SHARDS


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1, "1"),
        (9, "9"),
        (10, "a"),
        (35, "z"),
        (36, "A"),
        (61, "Z"),
        (62, "10"),
        (3843, "ZZ"),
        (3844, "100"),
        (2**63 - 1, "aZl8N0y58M7"),
    ],
)
def test_uid_counts_in_base_62(number: int, text: str) -> None:
    assert uid(number) == text
    assert uid_number(text) == number


@given(st.integers(min_value=1, max_value=2**63 - 1))
def test_uid_round_trip(number: int) -> None:
    assert uid_number(uid(number)) == number


@given(st.text(alphabet="019azAZ_ é", max_size=13))
def test_uid_number_takes_only_what_uid_makes(text: str) -> None:
    try:
        number = uid_number(text)
    except ValueError:
        return
    assert uid(number) == text


@pytest.mark.parametrize(
    "text",
    ["", "0", "01", "-1", "1.0", " 1", "1\n", "é", "١", "aZl8N0y58M8", "1" * 5_000],
)
def test_uid_number_rejects_garbage(text: str) -> None:
    with pytest.raises(ValueError, match="not a user id"):
        uid_number(text)


@pytest.mark.parametrize("number", [0, -1])
def test_uid_rejects_numbers_below_one(number: int) -> None:
    with pytest.raises(ValueError, match="start at 1"):
        uid(number)
