"""The fault kit: its comparison finds what is wrong, and its short form breaks a real instance."""

from pathlib import Path

import pytest
from django.conf import settings

from countly_profiles.faults.book import Book, Seen, compare
from countly_profiles.faults.faults import short_faults
from countly_profiles.faults.places import running_instance
from countly_profiles.faults.rounds import Load, Rounds


def a_book() -> Book:
    return Book(["alice"], acknowledged=[1, 3, 2], given_up={4}, with_details={2, 3, 4}, with_session={1})


def everything(**differences: object) -> Seen:
    seen = Seen(events=[1, 2, 3], total=2, trails={"trail_0": [3, 2]}, signals=1, last=3)
    for name, value in differences.items():
        setattr(seen, name, value)
    return seen


def test_what_arrived_once_and_in_order_is_good() -> None:
    findings = compare(a_book(), everything())
    assert findings.is_good
    assert (findings.acknowledged, findings.applied) == (3, 3)


def test_what_was_given_up_may_be_there_or_not() -> None:
    assert compare(a_book(), everything(events=[1, 2, 3, 4], total=3, trails={"trail_0": [3, 2, 4]}, last=4)).is_good


@pytest.mark.parametrize(
    ("seen", "lost", "doubled", "disordered"),
    [
        (everything(events=[1, 2]), 1, 0, 1),
        (everything(events=[1, 2, 3, 3]), 0, 1, 0),
        (everything(total=1), 1, 0, 0),
        (everything(total=3), 0, 1, 0),
        (everything(signals=0), 1, 0, 0),
        (everything(trails={"trail_0": [2, 3]}), 0, 0, 2),
        (everything(trails={"trail_0": [3, 2, 2]}), 0, 1, 0),
        (everything(last=2), 0, 0, 1),
    ],
)
def test_what_is_wrong_is_found(seen: Seen, lost: int, doubled: int, disordered: int) -> None:
    findings = compare(a_book(), seen)
    assert not findings.is_good
    assert (findings.disordered, bool(findings.lost), bool(findings.doubled)) == (
        disordered,
        lost > 0 or len(seen.events) < 3,
        doubled > 0 or len(seen.events) < 3,
    )


def test_what_nobody_sent_or_answered_is_found() -> None:
    assert compare(a_book(), everything(events=[1, 2, 3, 9])).complaints == ["alice: nobody sent 9"]
    unanswered = a_book()
    unanswered.unanswered = {5}
    assert compare(unanswered, everything()).complaints == ["alice: never answered 5"]


@pytest.mark.slow
def test_killed_under_traffic_everything_acknowledged_is_applied_once() -> None:
    load = Load(people=20, threads=4, requests_per_second=80, seconds_before=1.0, seconds_after=0.5)
    manage = Path(settings.BASE_DIR) / "manage.py"
    with running_instance(manage, WEB_WORKERS="1", DERIVE_WORKERS="1", MOST_WAITING="150") as instance:
        outcome = Rounds(instance, seed="short", load=load).run(short_faults(), "short")
    assert not outcome.findings.complaints
    assert outcome.findings.is_good
    assert outcome.findings.acknowledged >= 100
    assert outcome.answers.later  # the queue was full, and SDKs were asked to come again
    assert outcome.pages[200]
