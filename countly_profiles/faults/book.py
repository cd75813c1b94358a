"""What was sent, what was acknowledged, and what of it must be found. Pure.

Every request carries its number in an event; some also count, push and set a custom property, or speak of a session.
So the tables can be compared with what the senders know, by content.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

TRAIL_ITEMS = 40  # numbers in one pushed array: below the 50 items that a property holds
TRAIL_PREFIX = "trail_"
TOTAL = "total"
LAST = "last"


def trail_of(number: int) -> str:
    """Return the name of the array that a request of this number pushes to."""
    return f"{TRAIL_PREFIX}{number // TRAIL_ITEMS}"


@dataclass(slots=True)
class Book:
    """What one person's SDK sent. Numbers of requests, in the order of their acknowledgement."""

    device_ids: list[str]
    acknowledged: list[int] = field(default_factory=list)
    given_up: set[int] = field(default_factory=set)
    unanswered: set[int] = field(default_factory=set)
    with_details: set[int] = field(default_factory=set)
    with_session: set[int] = field(default_factory=set)
    repeats: int = 0  # sent again although acknowledged, on purpose


@dataclass(slots=True)
class Seen:
    """What the tables hold of one person."""

    events: list[int] = field(default_factory=list)
    total: int = 0
    trails: dict[str, list[int]] = field(default_factory=dict)
    signals: int = 0
    last: int | None = None


@dataclass(slots=True)
class Findings:
    """What came of the comparison; all but the first three must be empty."""

    acknowledged: int = 0
    applied: int = 0
    duplicates: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    complaints: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Tell whether nothing is wrong."""
        return not (self.lost or self.doubled or self.disordered or self.complaints)

    def add(self, other: "Findings") -> None:
        """Take in the findings on another person."""
        for name in ("acknowledged", "applied", "duplicates", "lost", "doubled", "disordered"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.complaints += other.complaints


def compare(book: Book, seen: Seen) -> Findings:
    """Compare what one person sent with what is there: each acknowledged request once, the others at most once."""
    who = book.device_ids[-1]
    acknowledged = set(book.acknowledged)
    times = Counter(seen.events)
    findings = Findings(acknowledged=len(acknowledged), applied=len(times))
    findings.lost = len(acknowledged - times.keys())
    findings.doubled = sum(count - 1 for count in times.values())
    if findings.lost:
        findings.complaints.append(f"{who}: lost {_some(acknowledged - times.keys())}")
    if findings.doubled:
        findings.complaints.append(f"{who}: twice {_some(number for number, n in times.items() if n > 1)}")
    invented = times.keys() - acknowledged - book.given_up - book.unanswered
    if invented:
        findings.complaints.append(f"{who}: nobody sent {_some(invented)}")
    if book.unanswered:
        findings.complaints.append(f"{who}: never answered {_some(book.unanswered)}")
    # A request is applied as a whole, so what else it says is there as often as its event.
    _compare_count(findings, f"{who}: counter", seen.total, len(book.with_details & times.keys()))
    _compare_count(findings, f"{who}: session signals", seen.signals, len(book.with_session & times.keys()))
    _compare_trails(findings, book, seen, times.keys())
    newest = max(book.with_details & times.keys(), default=None)
    if seen.last != newest:
        findings.disordered += 1
        findings.complaints.append(f"{who}: the property was last set by {seen.last}, not by the newest, {newest}")
    return findings


def _compare_count(findings: Findings, what: str, there: int, expected: int) -> None:
    if there != expected:
        findings.lost += max(0, expected - there)
        findings.doubled += max(0, there - expected)
        findings.complaints.append(f"{what} is {there}, not {expected}")


def _compare_trails(findings: Findings, book: Book, seen: Seen, applied: Iterable[int]) -> None:
    """Check that each array holds its numbers once, the acknowledged ones in the order of acknowledgement."""
    who = book.device_ids[-1]
    expected = Counter(number for number in applied if number in book.with_details)
    there = Counter(number for trail in seen.trails.values() for number in trail)
    if there != expected:
        findings.doubled += (there - expected).total()
        findings.lost += (expected - there).total()
        findings.complaints.append(f"{who}: pushed {_some(expected - there)} too few, {_some(there - expected)} more")
    acknowledged = set(book.acknowledged)
    for name, trail in seen.trails.items():
        sent = [n for n in book.acknowledged if n in book.with_details and trail_of(n) == name]
        found = [number for number in trail if number in acknowledged]
        if found != sent and Counter(found) == Counter(sent):
            findings.disordered += sum(one != other for one, other in zip(found, sent, strict=True))
            findings.complaints.append(f"{who}: {name} is {_some(found)}, sent as {_some(sent)}")


def _some(numbers: Iterable[int] | Sequence[int]) -> str:
    listed = list(numbers)
    return ", ".join(map(str, listed[:12])) + (f" and {len(listed) - 12} more" if len(listed) > 12 else "")
