"""Strangers' values: JSON decoded without ever raising, texts that PostgreSQL accepts, numbers that are numbers."""

from typing import TypeAlias

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"
