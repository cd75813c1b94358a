"""Where the user says they are, or that they do not want to say."""

from dataclasses import dataclass


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
