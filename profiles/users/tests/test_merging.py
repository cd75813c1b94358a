from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from profiles.users.merging import FORMER_VALUES_CHARACTERS, Base, base_of, merge, with_former_values
from profiles.users.properties import NEVER_SET

T = datetime(2026, 11, 14, 10, tzinfo=UTC)
NEW, OLD, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)


def at(minutes: int) -> datetime:
    return T + timedelta(minutes=minutes)


def profile(user_id: UUID, session_at: int | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "id": user_id,
        "user_id": user_id,
        "device_id": f"device-{user_id.int}",
        "device_id_type": None,
        "uid": str(user_id.int),
        "is_identified": False,
        "former_values": "",
        "session_started_at": None if session_at is None else at(session_at),
        **fields,
    }


def merged(survivor: Mapping[str, Any] | None, absorbed: Mapping[str, Any]) -> dict[str, Any]:
    return merge(survivor, absorbed, survivor_id=NEW, survivor_device_id="device-1").fields


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        (5, 3, Base.SURVIVOR),
        (3, 5, Base.ABSORBED),
        (3, 3, Base.SURVIVOR),
        (3, None, Base.SURVIVOR),
        (None, 3, Base.ABSORBED),
        (None, None, Base.ABSORBED),
    ],
)
def test_the_later_session_is_the_base(new: int | None, old: int | None, expected: Base) -> None:
    survivor, absorbed = profile(NEW, new, city="new"), profile(OLD, old, city="old")
    assert base_of(survivor, absorbed) == expected
    result = merge(survivor, absorbed, survivor_id=NEW, survivor_device_id="device-1")
    assert result.base == expected
    assert result.fields["city"] == ("new" if expected == Base.SURVIVOR else "old")


@pytest.mark.parametrize("session_at", [1, 9])
def test_the_survivor_stays_who_it_is_whoever_is_the_base(session_at: int) -> None:
    result = merged(profile(NEW, session_at, device_id_type=0), profile(OLD, 5, device_id_type=1))
    identity = {name: result[name] for name in ("id", "user_id", "uid", "device_id", "device_id_type")}
    assert identity == {"id": NEW, "user_id": NEW, "uid": "1", "device_id": "device-1", "device_id_type": 0}
    assert result["is_identified"] is True


def test_a_renamed_user_keeps_the_uid() -> None:
    result = merged(None, profile(OLD, 5, name="Ann", sessions_count=3, device_id_type=1))
    assert result["id"] == NEW
    assert result["device_id"] == "device-1"
    assert result["device_id_type"] is None
    assert (result["uid"], result["name"], result["sessions_count"]) == ("2", "Ann", 3)
    assert result["former_values"] == "device-2"


@pytest.mark.parametrize(
    ("name", "base", "other", "expected"),
    [
        ("sessions_count", 2, 3, 5),
        ("total_seconds", 60, 30, 90),
        ("events_count", 0, 7, 7),
        ("crashes_count", 1, 1, 2),
        ("first_seen_at", at(5), at(1), at(1)),
        ("created_at", at(1), at(5), at(1)),
        ("last_seen_at", at(1), at(5), at(5)),
        ("last_signal_at", None, at(5), at(5)),
        ("name", "Ann", "Bea", "Ann"),
        ("name", None, "Bea", "Bea"),
        ("app_version", "2.0", "1.0", "2.0"),
        ("birth_year", 0, 1980, 0),
        ("has_hinge", False, True, False),
        ("custom", {"a": 1, "n": 5}, {"b": 2, "n": 7}, {"a": 1, "n": 5, "b": 2}),
        ("custom", {"deep": {"x": 1}}, {"deep": {"y": 2}}, {"deep": {"x": 1}}),
        ("consent", {"push": False}, {"push": True, "views": True}, {"push": False, "views": True}),
        ("campaign", {}, {"id": "spring"}, {"id": "spring"}),
        ("an_array", ["b", "a"], ["a", "c"], ["b", "a", "c"]),
    ],
)
def test_fields(name: str, base: Any, other: Any, expected: Any) -> None:
    assert merged(profile(NEW, 9, **{name: base}), profile(OLD, 1, **{name: other}))[name] == expected
    assert merged(profile(NEW, 1, **{name: other}), profile(OLD, 9, **{name: base}))[name] == expected


def test_the_present_session_is_taken_as_a_whole() -> None:
    survivor = profile(NEW, 1, session_id=11, session_ended_at=at(2), session_seconds=60)
    absorbed = profile(OLD, 9, session_id=99, session_ended_at=None, session_seconds=0)
    result = merged(survivor, absorbed)
    assert result["session_started_at"] == at(9)
    assert (result["session_id"], result["session_ended_at"], result["session_seconds"]) == (99, None, 0)


def test_a_place_is_not_put_together_from_two() -> None:
    riga = {"country": "LV", "city": "Rīga", "latitude": 56.9, "longitude": 24.1}
    tallinn = {"country": "EE", "city": None, "latitude": None, "longitude": None}
    result = merged(profile(NEW, 9, **tallinn), profile(OLD, 1, **riga))
    assert {name: result[name] for name in tallinn} == tallinn


def test_a_place_is_filled_where_the_two_agree() -> None:
    riga = {"country": "LV", "city": "Rīga", "latitude": 56.9, "longitude": 24.1}
    latvia = {"country": "LV", "city": None, "latitude": None, "longitude": None}
    result = merged(profile(NEW, 9, **latvia), profile(OLD, 1, **riga))
    assert {name: result[name] for name in riga} == riga


@pytest.mark.parametrize(
    ("base", "base_times", "other", "other_times", "expected", "expected_times"),
    [
        pytest.param("b", [5, 6], "o", [1, 9], "b", [1, 9], id="the-base-wins"),
        pytest.param(None, None, "o", [1, 9], "o", [1, 9], id="the-other-fills"),
        pytest.param(None, [5, 8], "o", [1, 7], None, [1, 8], id="deleted-later-stays-deleted"),
        pytest.param(None, [5, 8], "o", [1, 9], "o", [1, 9], id="deleted-earlier-is-filled"),
        pytest.param("b", [5, 6], None, [1, 9], "b", [1, 9], id="a-deletion-of-the-other-deletes-nothing"),
        pytest.param(None, [NEVER_SET, 6], None, [NEVER_SET, 9], None, [NEVER_SET, 9], id="both-deleted"),
        pytest.param(None, [NEVER_SET, 6], "o", [7, 9], "o", [7, 9], id="never-set-is-not-a-first-time"),
    ],
)
@pytest.mark.parametrize("is_custom", [False, True])
def test_property_memory(
    base: str | None,
    base_times: list[int] | None,
    other: str | None,
    other_times: list[int] | None,
    expected: str | None,
    expected_times: list[int],
    is_custom: bool,
) -> None:
    def with_email(user_id: UUID, session_at: int, value: str | None, times: list[int] | None) -> dict[str, Any]:
        key = "custom.email" if is_custom else "email"
        fields: dict[str, Any] = {"property_times": {} if times is None else {key: times}}
        fields |= {"custom": {} if value is None else {"email": value}} if is_custom else {"email": value}
        return profile(user_id, session_at, **fields)

    result = merged(with_email(NEW, 9, base, base_times), with_email(OLD, 1, other, other_times))
    assert (result["custom"].get("email") if is_custom else result["email"]) == expected
    assert result["property_times"] == {"custom.email" if is_custom else "email": expected_times}


def test_former_ids_and_emails_can_be_searched() -> None:
    survivor = profile(NEW, 9, email="new@x.lv", former_values="older@x.lv")
    absorbed = profile(OLD, 1, email="old@x.lv", former_values="device-7\nolder@x.lv")
    assert merged(survivor, absorbed)["former_values"].split("\n") == ["older@x.lv", "device-7", "device-2", "old@x.lv"]


@pytest.mark.parametrize(
    ("opted_out_at", "country"),
    [(5, None), (1, "LV")],
)
@pytest.mark.parametrize("is_survivor_out", [True, False])
def test_who_opted_out_of_location_stays_out(opted_out_at: int, country: str | None, is_survivor_out: bool) -> None:
    out = {"country": None, "city": None, "latitude": None, "place_at": at(opted_out_at)}
    here = {"country": "LV", "city": "Riga", "latitude": 56.9, "place_at": at(3)}
    new, old = (out, here) if is_survivor_out else (here, out)
    result = merged(profile(NEW, 9, **new), profile(OLD, 1, **old))
    assert result["country"] == country
    assert (result["latitude"] is None) is (country is None)


def test_a_username_that_lost_can_be_searched() -> None:
    result = merged(profile(NEW, 9, username="elif"), profile(OLD, 1, username="elif-1987"))
    assert (result["username"], result["former_values"]) == ("elif", "device-2\nelif-1987")


def test_the_same_email_is_not_a_former_one() -> None:
    result = merged(profile(NEW, 9, email="a@x.lv"), profile(OLD, 1, email="a@x.lv"))
    assert result["former_values"] == "device-2"


def test_former_values_are_bounded_and_never_cut_in_two() -> None:
    known = with_former_values("", (f"device-{n}" for n in range(10_000)))
    assert len(known) <= FORMER_VALUES_CHARACTERS
    lines = known.split("\n")
    assert lines == [f"device-{n}" for n in range(10_000 - len(lines), 10_000)]
    assert with_former_values(known, ["device-9999"]) == known
    assert with_former_values("a", ["b", "a"]) == "a\nb"
    assert with_former_values("", []) == ""


# Properties

COUNTS = ("sessions_count", "total_seconds", "events_count", "crashes_count")
WORDS = st.one_of(st.none(), st.sampled_from(["a", "b", "c"]))
SPANS = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda pair: [pair[0], max(pair)])


def profiles(user_id: UUID) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "id": st.just(user_id),
            "device_id": st.just(f"device-{user_id.int}"),
            "uid": st.just(str(user_id.int)),
            "is_identified": st.booleans(),
            "former_values": st.just(""),
            "session_started_at": st.one_of(st.none(), st.integers(0, 9).map(at)),
            "session_id": st.integers(0, 9),
            "first_seen_at": st.integers(0, 9).map(at),
            "last_seen_at": st.integers(0, 9).map(at),
            "email": WORDS,
            "platform": WORDS,
            "platform_version": WORDS,
            "country": WORDS,
            "city": WORDS,
            "custom": st.dictionaries(st.sampled_from("xyz"), st.integers(0, 3), max_size=3),
            "consent": st.dictionaries(st.sampled_from("xyz"), st.booleans(), max_size=3),
            "property_times": st.dictionaries(st.sampled_from(["email", "custom.x", "custom.y"]), SPANS, max_size=3),
            **dict.fromkeys(COUNTS, st.integers(0, 100)),
        }
    )


@given(profiles(NEW))
def test_merging_with_an_empty_profile_changes_no_field(known: dict[str, Any]) -> None:
    bookkeeping = {"is_identified": True, "former_values": ""}
    assert merged(known, {}) == known | bookkeeping
    assert merged({}, known) == known | bookkeeping | {"former_values": "device-1"}
    empty = dict.fromkeys(known) | {"device_id": "device-2", "custom": {}, "consent": {}, "property_times": {}}
    assert merged(known, empty) == known | bookkeeping | {"former_values": "device-2"}


@given(profiles(NEW), profiles(OLD))
def test_every_value_comes_from_one_of_the_two(new: dict[str, Any], old: dict[str, Any]) -> None:
    result = merged(new, old)
    assert result.keys() == new.keys()
    for name in ("email", "platform", "platform_version", "country", "city", "session_id"):
        assert result[name] in (new[name], old[name])
    for name, value in result["custom"].items():
        assert value in (new["custom"].get(name), old["custom"].get(name))
    assert new["custom"].keys() <= result["custom"].keys() or base_of(new, old) == Base.ABSORBED


@given(profiles(NEW), profiles(OLD))
def test_its_arguments_stay_as_they_are(new: dict[str, Any], old: dict[str, Any]) -> None:
    before = repr((new, old))
    result = merged(new, old)
    result["custom"]["changed"] = result["consent"]["changed"] = True
    assert repr((new, old)) == before


@given(profiles(NEW), profiles(OLD), profiles(OTHER))
def test_two_merges_into_one_user_add_up_in_either_order(
    new: dict[str, Any], old: dict[str, Any], other: dict[str, Any]
) -> None:
    one_way = merged(merged(new, old), other)
    other_way = merged(merged(new, other), old)
    for name in (*COUNTS, "first_seen_at", "last_seen_at", "session_started_at", "property_times"):
        assert one_way[name] == other_way[name]
    assert {"device-2", "device-3"} <= set(one_way["former_values"].split("\n"))
    assert {"device-2", "device-3"} <= set(other_way["former_values"].split("\n"))
    for name in COUNTS:
        assert one_way[name] == new[name] + old[name] + other[name]
    assert one_way["consent"].keys() == other_way["consent"].keys()


@given(profiles(NEW), profiles(OLD), profiles(OTHER))
def test_a_chain_of_merges_adds_up_like_a_star(new: dict[str, Any], old: dict[str, Any], other: dict[str, Any]) -> None:
    """A into B and then B into C holds the same totals as A and B into C."""
    inner = merge(old, other, survivor_id=OLD, survivor_device_id="device-2").fields
    chain, star = merged(new, inner), merged(merged(new, old), other)
    for name in (*COUNTS, "first_seen_at", "last_seen_at", "session_started_at", "property_times"):
        assert chain[name] == star[name]
