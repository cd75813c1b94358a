import pytest

from ingest.tests.wire.building import sent
from ingest.wire.limits import Note
from ingest.wire.location import Location
from ingest.wire.values import JsonValue


@pytest.mark.rule("location.point")
@pytest.mark.parametrize("point", ["56.9496,24.1052", " 56.9496 , 24.1052 "])
def test_a_point_is_two_numbers(point: str) -> None:
    assert sent(location=point).location == Location(latitude=56.9496, longitude=24.1052)


@pytest.mark.rule("location.malformed")
@pytest.mark.parametrize("point", ["1", "1,2,3", "a,b", "91,0", "0,181", "NaN,0", "1e999,0", ",", "null"])
def test_a_malformed_point_is_ignored(point: JsonValue) -> None:
    request = sent(location=point, city="Rīga")
    assert request.location == Location(city="Rīga")
    assert request.notes == {Note.LOCATION_UNUSABLE: 1}


@pytest.mark.rule("location.without_session")
def test_explicit_places_count_without_a_session() -> None:
    request = sent(country_code="lv", region="RIX", city="Rīga")
    assert request.location == Location(country_code="lv", region="RIX", city="Rīga")


@pytest.mark.rule("location.opt_out")
def test_empty_and_absent_are_different() -> None:
    assert sent().location is None
    assert sent(location="").location == Location(is_opted_out=True)
    assert sent(begin_session="1", location="", city="Rīga").location == Location(is_opted_out=True)


def test_empty_places_say_nothing() -> None:
    assert sent(country_code="", city="").location is None
