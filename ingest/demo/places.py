"""Where the demo's people live: coordinates, time zone, an address of a provider there, carriers."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Place:
    """A city. `network` is the start of a large provider's range: only its country matters."""

    weight: int
    city: str
    region: str
    country_code: str
    latitude: float
    longitude: float
    timezone: str
    locale: str
    culture: str
    network: str
    carriers: tuple[str, ...]


_TR: Final = ("Turkcell", "Vodafone TR", "Türk Telekom")
_DE: Final = ("Telekom.de", "Vodafone.de", "o2-de")
_GB: Final = ("EE", "O2 - UK", "Three")
_US: Final = ("T-Mobile", "Verizon", "AT&T")

PLACES: Final = (
    Place(13, "İstanbul", "34", "TR", 40.9903, 29.0275, "Europe/Istanbul", "tr_TR", "tr", "78.160.0", _TR),
    Place(7, "Ankara", "06", "TR", 39.9208, 32.8541, "Europe/Istanbul", "tr_TR", "tr", "85.96.12", _TR),
    Place(6, "İzmir", "35", "TR", 38.4237, 27.1428, "Europe/Istanbul", "tr_TR", "tr", "95.10.4", _TR),
    Place(3, "Eskişehir", "26", "TR", 39.7667, 30.5256, "Europe/Istanbul", "tr_TR", "tr", "88.240.1", _TR),
    Place(8, "Berlin", "BE", "DE", 52.52, 13.405, "Europe/Berlin", "de_DE", "de", "84.128.3", _DE),
    Place(4, "Köln", "NW", "DE", 50.9375, 6.9603, "Europe/Berlin", "de_DE", "de", "91.0.12", _DE),
    Place(4, "Hamburg", "HH", "DE", 53.5511, 9.9937, "Europe/Berlin", "de_DE", "de", "91.0.16", _DE),
    Place(
        5, "Amsterdam", "NH", "NL", 52.3676, 4.9041, "Europe/Amsterdam", "nl_NL", "nl", "77.160.1", ("KPN", "Odido NL")
    ),
    Place(7, "London", "ENG", "GB", 51.5072, -0.1276, "Europe/London", "en_GB", "en", "86.128.4", _GB),
    Place(3, "Manchester", "ENG", "GB", 53.4808, -2.2426, "Europe/London", "en_GB", "en", "86.128.9", _GB),
    Place(6, "New York", "NY", "US", 40.7128, -74.006, "America/New_York", "en_US", "en", "68.80.10", _US),
    Place(3, "Portland", "OR", "US", 45.5152, -122.6784, "America/Los_Angeles", "en_US", "en", "73.12.4", _US),
    Place(3, "Chicago", "IL", "US", 41.8781, -87.6298, "America/Chicago", "en_US", "en", "73.12.8", _US),
    Place(
        3, "Toronto", "ON", "CA", 43.6532, -79.3832, "America/Toronto", "en_CA", "en", "99.224.1", ("Rogers", "Bell")
    ),
    Place(4, "Paris", "IDF", "FR", 48.8566, 2.3522, "Europe/Paris", "fr_FR", "fr", "90.0.4", ("Orange F", "SFR")),
    Place(2, "Lyon", "ARA", "FR", 45.764, 4.8357, "Europe/Paris", "fr_FR", "fr", "90.0.9", ("Orange F", "Free")),
    Place(4, "Milano", "25", "IT", 45.4642, 9.19, "Europe/Rome", "it_IT", "it", "79.20.1", ("TIM", "Iliad")),
    Place(3, "Madrid", "MD", "ES", 40.4168, -3.7038, "Europe/Madrid", "es_ES", "es", "83.32.1", ("Movistar", "Yoigo")),
    Place(3, "Rīga", "RIX", "LV", 56.9496, 24.1052, "Europe/Riga", "lv_LV", "lv", "78.84.1", ("LMT", "Tele2")),
    Place(3, "Stockholm", "AB", "SE", 59.3293, 18.0686, "Europe/Stockholm", "sv_SE", "sv", "78.64.1", ("Telia", "Tre")),
    Place(3, "Warszawa", "MZ", "PL", 52.2297, 21.0122, "Europe/Warsaw", "pl_PL", "pl", "83.0.4", ("Orange PL", "Play")),
    Place(2, "Bakı", "BA", "AZ", 40.4093, 49.8671, "Asia/Baku", "az_AZ", "az", "85.132.1", ("Azercell",)),
    Place(2, "Dubai", "DU", "AE", 25.2048, 55.2708, "Asia/Dubai", "ar_AE", "ar", "94.200.1", ("Etisalat", "du")),
    Place(3, "東京", "13", "JP", 35.6762, 139.6503, "Asia/Tokyo", "ja_JP", "ja", "126.0.4", ("NTT DOCOMO", "SoftBank")),
    Place(3, "서울", "11", "KR", 37.5665, 126.978, "Asia/Seoul", "ko_KR", "ko", "121.128.1", ("SKTelecom", "KT")),
    Place(
        2, "Bengaluru", "KA", "IN", 12.9716, 77.5946, "Asia/Kolkata", "en_IN", "hi", "106.51.1", ("Jio 4G", "airtel")
    ),
    Place(
        3,
        "São Paulo",
        "SP",
        "BR",
        -23.5505,
        -46.6333,
        "America/Sao_Paulo",
        "pt_BR",
        "pt",
        "189.0.4",
        ("Vivo", "Claro BR"),
    ),
    Place(
        2,
        "Ciudad de México",
        "CMX",
        "MX",
        19.4326,
        -99.1332,
        "America/Mexico_City",
        "es_MX",
        "es",
        "187.128.1",
        ("Telcel",),
    ),
    Place(
        2, "Melbourne", "VIC", "AU", -37.8136, 144.9631, "Australia/Melbourne", "en_AU", "en", "1.128.4", ("Telstra",)
    ),
    Place(1, "Auckland", "AUK", "NZ", -36.8509, 174.7645, "Pacific/Auckland", "en_NZ", "en", "122.56.1", ("Spark NZ",)),
)
"""About a third live in the app's home market, the rest all over the world: every time zone has its own morning."""

PLACE_WEIGHTS: Final = tuple(place.weight for place in PLACES)
