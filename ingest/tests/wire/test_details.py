import pytest

from ingest.tests.wire.building import NOW, sent
from ingest.wire.details import PropertyChange, UserDetails
from ingest.wire.limits import Limits, Note
from ingest.wire.values import JsonValue
from profiles.users.properties import Operation


def details(**fields: JsonValue) -> UserDetails:
    return sent(user_details=fields).details or UserDetails({}, ())


def custom(**properties: JsonValue) -> list[tuple[str, str, JsonValue]]:
    return [(c.name, c.operation.value, c.value) for c in details(custom=properties).custom]


@pytest.mark.rule("details.only_sent")
def test_only_sent_details_change() -> None:
    assert details(name="Jānis", byear=1987, gender="M").named == {"name": "Jānis", "birth_year": 1987, "gender": "M"}


@pytest.mark.rule("details.delete")
@pytest.mark.parametrize("nothing", ["", None])
def test_null_and_empty_text_delete(nothing: JsonValue) -> None:
    assert details(name=nothing, byear=nothing, picture=nothing).named == {
        "name": None,
        "birth_year": None,
        "picture": None,
    }
    assert custom(plan=nothing) == [("plan", "unset", None)]


@pytest.mark.rule("details.zero_is_value")
def test_zero_and_false_are_values() -> None:
    assert custom(n=0, flag=False) == [("n", "set", 0), ("flag", "set", False)]
    assert details(phone=0).named == {"phone": "0"}


@pytest.mark.rule("details.birth_year")
@pytest.mark.parametrize(
    ("value", "year"),
    [(1984, 1984), ("1980", 1980), (NOW.year, NOW.year), (0, None), ("x", None), (3000, None), (True, None)],
)
def test_birth_year_is_a_year(value: JsonValue, year: int | None) -> None:
    request = sent(user_details={"byear": value, "name": "n"})
    assert request.details is not None
    assert request.details.named.get("birth_year") == year
    assert (Note.DETAIL_UNUSABLE in request.notes) is (year is None)


@pytest.mark.rule("details.unknown")
def test_unknown_names_are_ignored() -> None:
    assert sent(user_details={"kCountlyLocalPicturePath": "/private/x.png", "age": 3}).details is None


@pytest.mark.parametrize("empty", ["{}", '{"custom":{}}', "null", ""])
def test_details_that_ask_for_nothing_are_none(empty: str) -> None:
    request = sent(user_details=empty)
    assert request.details is None
    assert request.notes == {}


@pytest.mark.parametrize("broken", ["{", "[]", "1"])
def test_unreadable_details_lose_nothing_else(broken: str) -> None:
    request = sent(user_details=broken, session_duration="5")
    assert request.details is None
    assert request.session_seconds == 5
    assert request.notes == {Note.DETAILS_UNREADABLE: 1}


@pytest.mark.parametrize("broken", ["{", [], 1])
def test_unreadable_custom_properties_lose_no_details(broken: JsonValue) -> None:
    request = sent(user_details={"name": "n", "custom": broken})
    assert request.details == UserDetails({"name": "n"}, ())
    assert request.notes == {Note.CUSTOM_UNREADABLE: 1}


def test_texts_are_cut_and_nested_ones_ignored() -> None:
    request = sent(user_details={"name": "x" * 300, "email": {"a": 1}, "phone": 37112345678})
    assert request.details is not None
    assert request.details.named == {"name": "x" * 256, "phone": "37112345678"}
    assert request.notes == {Note.DETAIL_CUT: 1, Note.DETAIL_UNUSABLE: 1}


@pytest.mark.parametrize("url", ["https://e.com/" + "x" * 4096, "javascript:alert(1)", "/etc/passwd", {"a": 1}])
def test_a_picture_is_an_address_that_fits(url: JsonValue) -> None:
    request = sent(user_details={"picture": url})
    assert request.details is None
    assert request.notes == {Note.DETAIL_UNUSABLE: 1}
    assert details(picture="https://example.com/p.png").named == {"picture": "https://example.com/p.png"}


@pytest.mark.rule("details.types")
def test_values_keep_their_types() -> None:
    value: JsonValue = {"x": [1, "1", 1.5, True, None], "y": {"z": "text"}}
    assert custom(a="1", b=1, c=1.5, d=True, e=["a", 1], f=value, g={}) == [
        ("a", "set", "1"),
        ("b", "set", 1),
        ("c", "set", 1.5),
        ("d", "set", True),
        ("e", "set", ["a", 1]),
        ("f", "set", value),
        ("g", "set", {}),
    ]


@pytest.mark.rule("details.modifier_order")
def test_modifiers_of_one_property_apply_in_a_fixed_order() -> None:
    everything: dict[str, JsonValue] = {
        "$pull": ["z"],
        "$addToSet": "c",
        "$push": ["a"],
        "$max": 9,
        "$min": 1,
        "$mul": 2,
        "$inc": -1.5,
        "$setOnce": "first",
    }
    assert custom(p=everything) == [
        ("p", "set_once", "first"),
        ("p", "increment", -1.5),
        ("p", "multiply", 2),
        ("p", "min", 1),
        ("p", "max", 9),
        ("p", "push", ["a"]),
        ("p", "add_to_set", ["c"]),
        ("p", "pull", ["z"]),
    ]


@pytest.mark.rule("details.modifier_misfit")
@pytest.mark.parametrize(
    "modifier",
    [
        {"$inc": "x"},
        {"$inc": True},
        {"$mul": None},
        {"$max": [1]},
        {"$setOnce": None},
        {"$setOnce": ""},
        {"$push": []},
        {"$pull": None},
        {"$unknown": 1},
        {"$inc": "1e999"},
    ],
)
def test_a_modifier_without_a_fitting_value_is_ignored(modifier: dict[str, JsonValue]) -> None:
    request = sent(user_details={"custom": {"p": modifier, "q": 1}})
    assert request.details is not None
    assert request.details.custom == (PropertyChange("q", Operation.SET, 1),)
    assert request.notes == {Note.CUSTOM_MODIFIER_UNUSABLE: 1}


def test_numbers_may_come_as_text() -> None:
    assert custom(p={"$inc": "2"}) == [("p", "increment", 2)]


@pytest.mark.rule("details.key_hygiene")
def test_names_lose_dots_and_dollars() -> None:
    request = sent(user_details={"custom": {"a.b": 1, "$c$": 2, "$.": 3, "": 4, "n\0": 5}})
    assert request.details is not None
    assert [c.name for c in request.details.custom] == ["ab", "c", "n"]
    assert request.notes == {Note.CUSTOM_KEY_UNUSABLE: 2}


@pytest.mark.rule("details.limits")
def test_custom_limits() -> None:
    limits = Limits(custom_changes=3, custom_items=2, custom_value=4, custom_key=5)
    request = sent(
        limits,
        user_details={"custom": {"a": "longer", "b": [1, 2, 3], "too long": {"$push": [1, 2, 3]}, "d": 1}},
    )
    assert request.details is not None
    assert request.details.custom == (
        PropertyChange("a", Operation.SET, "long"),
        PropertyChange("b", Operation.SET, [1, 2]),
        PropertyChange("too l", Operation.PUSH, [1, 2]),
    )
    assert request.notes == {
        Note.CUSTOM_KEYS_OVER_LIMIT: 1,
        Note.CUSTOM_KEY_UNUSABLE: 1,
        Note.CUSTOM_VALUE_CUT: 3,
    }


def test_a_value_that_no_number_holds_becomes_text() -> None:
    assert details(custom={"n": 10**30}).custom == (PropertyChange("n", Operation.SET, str(10**30)),)
    request = sent(user_details='{"custom":{"n":1e999}}')
    assert request.details is not None
    assert request.details.custom == (PropertyChange("n", Operation.SET, "1e999"),)


def test_half_an_emoji_is_replaced_and_a_whole_one_kept() -> None:
    request = sent(user_details=r'{"custom":{"a":"x\ud83d","b":"\ud83d\ude00","c":"\\ud83d","d\udc00":"\udc00\ud83d"}}')
    assert request.details is not None
    bad = "\N{REPLACEMENT CHARACTER}"
    assert [(c.name, c.value) for c in request.details.custom] == [
        ("a", "x" + bad),
        ("b", "\U0001f600"),
        ("c", "\\ud83d"),
        ("d" + bad, bad + bad),
    ]


@pytest.mark.rule("identity.identified")
def test_only_what_stores_identifies() -> None:
    assert not details(custom={"utm_source": "", "p": {"$pull": ["a"]}}, name="").stores_anything
    assert details(custom={"utm_source": "news"}).stores_anything
    assert details(name="n").stores_anything
