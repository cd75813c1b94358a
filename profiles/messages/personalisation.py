"""Texts that speak to one user: `Hello {name|there}`. Pure.

A part in braces is a profile field and what to say where it is unknown. A brace that is meant is written twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

CUSTOM: Final = "custom."
DETAILS: Final = (
    "name",
    "first_name",
    "username",
    "email",
    "organization",
    "phone",
    "country",
    "city",
    "device_name",
    "platform",
    "app_version",
)
LONGEST_VALUE: Final = 200
_FOUND: Final = re.compile(r"\{\{|\}\}|[{}]|[^{}]+")


class PersonalisationError(ValueError):
    """A text whose braces cannot be read; the message is for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place that a profile field fills."""

    field: str
    fallback: str


Part: TypeAlias = str | Slot


def read(text: str) -> tuple[Part, ...]:
    """Return the parts of a text; raise PersonalisationError."""
    parts: list[Part] = []
    inside: list[str] | None = None
    for found in _FOUND.findall(text):
        if found == "{" and inside is None:
            inside = []
        elif found == "}" and inside is not None:
            parts.append(_slot("".join(inside)))
            inside = None
        elif found in {"{", "}"}:
            raise PersonalisationError(f"A “{found}” stands alone: write “{found}{found}” where a brace is meant")
        elif inside is not None:
            inside.append(found[0] if found in {"{{", "}}"} else found)
        else:
            literal = found[0] if found in {"{{", "}}"} else found
            if parts and isinstance(parts[-1], str):
                parts[-1] += literal
            else:
                parts.append(literal)
    if inside is not None:
        raise PersonalisationError("A “{” is not closed: write “{{” where a brace is meant")
    return tuple(parts)


def _slot(inside: str) -> Slot:
    field, _, fallback = inside.partition("|")
    field = field.strip()
    if field not in DETAILS and not (field.startswith(CUSTOM) and len(field) > len(CUSTOM)):
        raise PersonalisationError(f"There is no profile field “{field[:60]}”; a custom property is {CUSTOM}its_name")
    return Slot(field, fallback)


def write(parts: tuple[Part, ...]) -> str:
    """Write parts as a text that `read` gives again."""
    return "".join(
        _escape(part) if isinstance(part, str) else f"{{{_escape(part.field)}|{_escape(part.fallback)}}}"
        for part in parts
    )


def _escape(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def fields_of(parts: tuple[Part, ...]) -> Iterator[str]:
    """Give the profile fields that a text needs."""
    for part in parts:
        if isinstance(part, Slot):
            yield part.field


def render(parts: tuple[Part, ...], known: Mapping[str, Any]) -> str:
    """Return the text for a user of whom `known` is known: details by name, custom properties in `custom`."""
    return "".join(part if isinstance(part, str) else _value(part, known) for part in parts)


def _value(slot: Slot, known: Mapping[str, Any]) -> str:
    if slot.field.startswith(CUSTOM):
        value = (known.get("custom") or {}).get(slot.field.removeprefix(CUSTOM))
    elif slot.field == "first_name":
        name = known.get("name")
        value = next(iter(name.split()), None) if isinstance(name, str) else None
    else:
        value = known.get(slot.field)
    if isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, float) and value.is_integer():
        text = str(int(value))
    elif isinstance(value, str | int | float):
        text = " ".join(str(value).split())[:LONGEST_VALUE]
    else:
        text = ""  # unknown, and lists and objects, which nobody wants to read in a message
    return text or slot.fallback
