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

    def with_condition(self, condition: Condition) -> Group:
        """Return the group with one more condition, which must hold beside the others."""
        base = all_of(self)
        return Group((*base.members, condition))


Node: TypeAlias = Condition | Group
EVERYBODY: Final = Group()
Path: TypeAlias = tuple[int, ...]  # the number of a member, then of its member, and so on


def all_of(group: Group) -> Group:
    """Return the same filter as members that must all hold: what paths count in."""
    return Group((group,)) if group.is_any and group.members else Group(group.members)


def find(group: Group, path: Path) -> Node | None:
    """Return what stands at a path; None where nothing does."""
    node: Node = all_of(group)
    for index in path:
        if not isinstance(node, Group) or index >= len(node.members):
            return None
        node = node.members[index]
    return node if path else None


def replaced(group: Group, path: Path, node: Node | None) -> Group:
    """Return the filter with another node at a path that is there, or without it. Groups of one are dissolved."""
    changed = _replaced(all_of(group), path, node)
    return changed if isinstance(changed, Group) else EVERYBODY if changed is None else Group((changed,))


def _replaced(at: Node, path: Path, node: Node | None) -> Node | None:
    if not path or not isinstance(at, Group):
        return node
    changed = _replaced(at.members[path[0]], path[1:], node)
    members = at.members[: path[0]] + (() if changed is None else (changed,)) + at.members[path[0] + 1 :]
    if not members:
        return None
    return members[0] if len(members) == 1 and at.is_any else Group(members, at.is_any)


def with_alternative(group: Group, path: Path, condition: Condition) -> Group:
    """Return the filter with a condition that may hold instead of what stands at the path."""
    node = find(group, path)
    if node is None:
        return group.with_condition(condition)
    others = node.members if isinstance(node, Group) and node.is_any else (node,)
    return replaced(group, path, Group((*others, condition), is_any=True))


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
