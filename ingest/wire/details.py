"""User details: the named ones, and custom properties as a list of operations in the order in which they apply."""

from dataclasses import dataclass
from enum import StrEnum

from ingest.wire.values import JsonValue


class Operation(StrEnum):
    """What a request does to one custom property."""

    SET = "set"
    UNSET = "unset"
    SET_ONCE = "set_once"
    INCREMENT = "increment"
    MULTIPLY = "multiply"
    MIN = "min"
    MAX = "max"
    PUSH = "push"
    ADD_TO_SET = "add_to_set"
    PULL = "pull"


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One operation on one custom property.

    `value` is a finite number for increment, multiply, min and max; a non-empty list for push, add_to_set and pull;
    None for unset; any JSON value but None and "" for set and set_once.
    """

    name: str
    operation: Operation
    value: JsonValue


@dataclass(frozen=True, slots=True)
class UserDetails:
    """What `user_details` asks for.

    `named` holds only what was sent, by the domain's names: name, username, email, organization, phone, gender, picture
    (texts) and birth_year (a number); None deletes.
    """

    named: dict[str, str | int | None]
    custom: tuple[PropertyChange, ...]

    @property
    def stores_anything(self) -> bool:
        """Tell whether anything is stored, not only deleted: that is what makes a user identified."""
        removing = (Operation.UNSET, Operation.PULL)
        return any(v is not None for v in self.named.values()) or any(c.operation not in removing for c in self.custom)
