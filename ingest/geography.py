"""The country of an IP address, from registry data that comes inside a wheel: no look-up leaves the machine."""

from functools import lru_cache

import iptocc


@lru_cache(maxsize=65_536)
def country_of(ip: str) -> str | None:
    """Return the two-letter code of the country that an address is registered in; None for private and unknown ones."""
    try:
        country: str | None = iptocc.country_code(ip)
    except ValueError:
        return None
    return country
