"""The standard texts of a user, as filters, columns and breakdowns call them. Pure."""

from dataclasses import dataclass
from typing import Final

PERSON, DEVICE, PLACE, USE = "Person", "Device and app", "Place", "Use"


@dataclass(frozen=True, slots=True)
class Text:
    """A text of AppUser: its name in addresses, its words, its section, its columns (the first that is known)."""

    name: str
    label: str
    section: str
    columns: tuple[str, ...]


TEXTS: Final = tuple(
    Text(name, label, section, columns)
    for name, label, section, *columns_of in (
        ("platform", "Platform", DEVICE),
        ("platform_version", "Platform version", DEVICE),
        ("app_version", "App version", DEVICE),
        ("device", "Device", DEVICE, "device_name", "device"),
        ("device_type", "Device type", DEVICE),
        ("manufacturer", "Manufacturer", DEVICE),
        ("carrier", "Carrier", DEVICE),
        ("resolution", "Resolution", DEVICE),
        ("browser", "Browser", DEVICE),
        ("sdk_name", "SDK", DEVICE),
        ("source", "Source", DEVICE),
        ("country", "Country", PLACE),
        ("region", "Region", PLACE),
        ("city", "City", PLACE),
        ("locale", "Locale", PLACE),
        ("language", "Language", PLACE),
        ("name", "Name", PERSON),
        ("username", "User name", PERSON),
        ("email", "E-mail", PERSON),
        ("phone", "Phone", PERSON),
        ("organization", "Organization", PERSON),
        ("gender", "Gender", PERSON),
        ("device_id", "Device id", PERSON),
    )
    for columns in [tuple(columns_of) or (name,)]
)
