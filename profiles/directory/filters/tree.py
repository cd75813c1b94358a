"""A filter as a tree of conditions, and as the text that stands in an address. Pure; knows no field.

    platform:is:iOS,or(country:is:DE,country:is:AT),did:at_least:purchase:2:30

Members are joined by "and", in `or( … )` by "or". A part is written as it is, but for `, ( ) : !`, which follow a `!`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

LONGEST_TEXT: Final = 1000  # twice escaped, on the way to a profile, it must fit into a request line
MOST_CONDITIONS: Final = 20
DEEPEST: Final = 4

_SPECIAL: Final = re.compile(r"[,():!]")


class FilterError(ValueError):
    """A filter that cannot be read; the message is for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What one field must say. Values are texts, as they are typed; the field knows what they mean."""

    field: str
    operator: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Members that must all hold, or of which any must. An empty group holds for everybody."""

    members: tuple[Node, ...] = ()
    is_any: bool = False

    def __bool__(self) -> bool:
        return bool(self.members)

    def conditions(self) -> Iterator[Condition]:
        """Give every condition, in the order of the text."""
        for member in self.members:
            if isinstance(member, Condition):
                yield member
            else:
                yield from member.conditions()

    def without(self, index: int) -> Group:
        """Return the group without one of its members."""
        return Group(self.members[:index] + self.members[index + 1 :], self.is_any)

    def with_condition(self, condition: Condition, *, is_alternative: bool = False) -> Group:
        """Return the group with one more condition: beside the others, or as an alternative to the last of them."""
        if not is_alternative or not self.members:
            return Group((*self.members, condition), self.is_any)
        last = self.members[-1]
        others = last.members if isinstance(last, Group) and last.is_any else (last,)
        return Group((*self.members[:-1], Group((*others, condition), is_any=True)), self.is_any)


Node: TypeAlias = Condition | Group
EVERYBODY: Final = Group()


def write(group: Group) -> str:
    """Write a filter as text; `read` gives the same tree again."""
    if group.is_any:
        return _write(group)
    return ",".join(_write(member) for member in group.members)


def _write(node: Node) -> str:
    if isinstance(node, Condition):
        return ":".join(_escape(part) for part in (node.field, node.operator, *node.values))
    return f"{'or' if node.is_any else 'and'}({','.join(_write(member) for member in node.members)})"


def _escape(part: str) -> str:
    return _SPECIAL.sub(lambda match: "!" + match[0], part)


def read(text: str) -> Group:
    """Read a filter; raise FilterError. What its fields and values mean is not looked at."""
    if not text:
        return EVERYBODY
    if len(text) > LONGEST_TEXT:
        raise FilterError(f"A filter has at most {LONGEST_TEXT} characters")
    if "\x00" in text:
        raise FilterError("A filter is made of letters")
    reader = _Reader(text)
    members = reader.members(depth=1)
    if reader.at < len(text):
        raise FilterError("A filter has a “)” too many")
    group = members[0] if len(members) == 1 and isinstance(members[0], Group) else Group(members)
    if sum(1 for _ in group.conditions()) > MOST_CONDITIONS:
        raise FilterError(f"A filter has at most {MOST_CONDITIONS} conditions")
    return group


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def members(self, depth: int) -> tuple[Node, ...]:
        if depth > DEEPEST:
            raise FilterError(f"A filter has at most {DEEPEST} levels")
        members = [self.member(depth)]
        while self.text[self.at : self.at + 1] == ",":
            self.at += 1
            members.append(self.member(depth))
        return tuple(members)

    def member(self, depth: int) -> Node:
        first = self.part()
        here = self.text[self.at : self.at + 1]
        if here == "(":
            if first not in {"or", "and"}:
                raise FilterError("Only “or” and “and” stand before “(”")
            self.at += 1
            members = self.members(depth + 1)
            if self.text[self.at : self.at + 1] != ")":
                raise FilterError("A filter lacks a “)”")
            self.at += 1
            return Group(members, is_any=first == "or")
        parts = [first]
        while self.text[self.at : self.at + 1] == ":":
            self.at += 1
            parts.append(self.part())
        if len(parts) < 2:
            raise FilterError("A condition is a field and what it must say")
        return Condition(parts[0], parts[1], tuple(parts[2:]))

    def part(self) -> str:
        letters = []
        while self.at < len(self.text):
            letter = self.text[self.at]
            if letter == "!":
                self.at += 1
                letter = self.text[self.at : self.at + 1]
                if not letter:
                    raise FilterError("A filter ends in the middle of a letter")
            elif letter in ",():":
                break
            letters.append(letter)
            self.at += 1
        return "".join(letters)
