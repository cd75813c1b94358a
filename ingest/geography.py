"""The place of an IP address: the country from registry data inside a wheel, the city from a file of the operator's.

No look-up leaves the machine. What stands in the operator's file comes first; coordinates are not taken from it, since
they are the middle of a city or of a country and would pass for a measured place.
"""

import logging
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import iptocc
import maxminddb
from django.conf import settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address is: two-letter code, and names in English where they are known."""

    country: str
    region: str | None = None
    city: str | None = None


def place_of(ip: str) -> Place | None:
    """Return where an address is; None for private and unknown ones."""
    return _place_of(ip, settings.GEOIP_PATH)


def fault_of(path: str) -> str:
    """Return what is wrong with a database of places; nothing if it can be read."""
    try:
        with maxminddb.open_database(path) as database:
            database.get("192.0.2.1")
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as fault:
        return str(fault) or type(fault).__name__
    return ""


@lru_cache(maxsize=65_536)
def _place_of(ip: str, path: str) -> Place | None:
    database = _opened(path) if path else None
    try:
        record = database.get(ip) if database is not None else None
    except (ValueError, maxminddb.InvalidDatabaseError):  # no address, one of IPv6 in a file of IPv4, a broken file
        record = None
    place = _read(record) if isinstance(record, dict) else None
    return place or _registered(ip)


@cache
def _opened(path: str) -> maxminddb.Reader | None:
    """Open the operator's file, once in each process; say so if it cannot be read, and go on without."""
    try:
        return maxminddb.open_database(path)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as fault:
        log.warning("geoip_path_unreadable", extra={"path": path, "fault": str(fault)})
        return None


def _read(record: dict[str, Any]) -> Place | None:
    """Read one record of a GeoIP2 or GeoLite2 database, or of one made like them."""
    country = _part(record.get("country")).get("iso_code") or _part(record.get("registered_country")).get("iso_code")
    if not isinstance(country, str) or not country:
        return None
    regions = record.get("subdivisions")
    region = regions[0] if isinstance(regions, list) and regions else None
    return Place(country.upper(), _name(region), _name(record.get("city")))


def _part(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _name(part: object) -> str | None:
    name = _part(_part(part).get("names")).get("en")
    return name if isinstance(name, str) and name else None


def _registered(ip: str) -> Place | None:
    """Return the country that an address is registered in."""
    try:
        country: str | None = iptocc.country_code(ip)
    except ValueError:
        return None
    return Place(country) if country else None
