"""Where the user says they are, or that they do not want to say."""

from dataclasses import dataclass
from typing import Final

from ingest.wire.limits import Limits, Note, Notes
from ingest.wire.values import JsonValue, as_number, as_text

_NORTHMOST: Final = 90
_EASTMOST: Final = 180
_NAMES: Final = ("location", "country_code", "region", "city")


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """What a request says about the user's place. Texts are as sent; None: nothing said."""

    country_code: str | None = None
    region: str | None = None
    city: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    is_opted_out: bool = False
    """`location` was sent empty: forget the place, and do not look the IP address up either."""


_OPTED_OUT: Final = Location(is_opted_out=True)


def read_location(values: dict[str, JsonValue], limits: Limits, notes: Notes) -> Location | None:
    """Read `location`, `country_code`, `region` and `city`; None where they say nothing."""
    if not any(name in values for name in _NAMES):
        return None
    point = values.get("location")
    if point == "":
        return _OPTED_OUT
    latitude = longitude = None
    if point is not None:
        latitude, longitude = _read_point(point, notes)
    country_code = as_text(values.get("country_code"))[: limits.place] or None
    region = as_text(values.get("region"))[: limits.place] or None
    city = as_text(values.get("city"))[: limits.place] or None
    if latitude is None and not (country_code or region or city):
        return None
    return Location(country_code=country_code, region=region, city=city, latitude=latitude, longitude=longitude)


def _read_point(point: JsonValue, notes: Notes) -> tuple[float, float] | tuple[None, None]:
    """Read `latitude,longitude`: exactly two numbers that are a place on earth."""
    numbers = [as_number(part) for part in point.split(",")] if isinstance(point, str) else []
    match numbers:
        case [int() | float() as latitude, int() | float() as longitude]:
            if abs(latitude) <= _NORTHMOST and abs(longitude) <= _EASTMOST:
                return float(latitude), float(longitude)
    notes.add(Note.LOCATION_UNUSABLE)
    return None, None
