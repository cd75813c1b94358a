"""Countries by their two-letter codes, named by CLDR."""

from functools import cache

from babel import Locale

CODE_LENGTH = 2
_NO_COUNTRIES = {"AC", "CQ", "EA", "EU", "EZ", "QO", "TA", "UN", "XA", "XB", "ZZ"}


@cache
def _names() -> dict[str, str]:
    """Read CLDR's territories without groups (001, EU), codes without a place (ZZ) and those that ISO only reserves."""
    return {
        code: name
        for code, name in Locale("en").territories.items()
        if len(code) == CODE_LENGTH and code.isalpha() and code not in _NO_COUNTRIES
    }


def country_name(code: str | None) -> str | None:
    """Return the country's English name, the code itself where it is no country's, None when there is none."""
    return _names().get(code.upper(), code) if code else None


def is_country(code: str | None) -> bool:
    """Say whether the code is a country's, in any case of letters; each of these has a flag among the static files."""
    return bool(code) and str(code).upper() in _names()
