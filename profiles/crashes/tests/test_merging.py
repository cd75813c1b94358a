"""Groups merged and split by hand: whatever happens between, the totals are those of the rows."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase

from profiles.access.models import App
from profiles.access.services import create_app
from profiles.crashes.handling import resolve
from profiles.crashes.merging import MOST_MEMBERS, MergeError, member_ids, merge, split
from profiles.crashes.models import Crash, CrashGroup, CrashUser
from profiles.crashes.services import move, record
from profiles.crashes.tests.conftest import NOW, NPE, OTHER, Make, make_occurrence
from profiles.users.keys import user_key

BOB = UUID(int=2)
CAROL = UUID(int=3)
THIRD = "java.lang.Error: x\n\tat com.shop.A.third(A.kt:1)"


def group_of(culprit: str) -> CrashGroup:
    return CrashGroup.objects.get(culprit=culprit)


@pytest.fixture
def pair(occurrence: Make) -> tuple[CrashGroup, CrashGroup]:
    """Return two groups: the first hit Alice and Bob, the second Bob and Carol."""
    record([occurrence(version="1.1"), occurrence(of=BOB), occurrence(OTHER, of=BOB), occurrence(OTHER, of=CAROL)])
    return group_of("CheckoutFragment.onPay"), group_of("Cart.first")


Pair = tuple[CrashGroup, CrashGroup]


def test_a_merged_group_counts_everything_and_everybody_once(pair: Pair) -> None:
    first, second = pair
    merge(group=first, others=[second])
    first.refresh_from_db()
    assert (first.occurrences_count, first.users_count, first.latest_version) == (4, 3, "1.1")
    assert member_ids(first) == [first.pk, second.pk]


def test_new_crashes_of_either_kind_go_to_the_group_that_stands_for_both(
    pair: Pair, occurrence: Make, user: UUID
) -> None:
    first, second = pair
    merge(group=first, others=[second])
    later = NOW + timedelta(days=1)

    # Alice, whom only the first kind had hit, is hit by the second.
    recorded = record([occurrence(OTHER, at=later, version="2.0"), occurrence(OTHER, of=UUID(int=9))])

    assert set(recorded.groups.values()) == {first.public_id}
    assert recorded.new == ()
    first.refresh_from_db()
    assert (first.occurrences_count, first.users_count, first.last_seen_at) == (6, 4, later)
    assert first.latest_version == "2.0"


def test_split_again_each_has_its_own_with_what_came_meanwhile(pair: Pair, occurrence: Make) -> None:
    first, second = pair
    resolve(group=second, version="9")
    merge(group=first, others=[second])
    record([occurrence(OTHER, of=UUID(int=9)), occurrence()])

    split(group=first, member=second)

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.occurrences_count, first.users_count) == (3, 2)
    assert (second.occurrences_count, second.users_count) == (3, 3)
    assert (second.state, second.resolved_version, second.merged_into) == ("resolved", "9", None)
    record([occurrence(OTHER, of=BOB)])
    second.refresh_from_db()
    assert (second.occurrences_count, second.users_count) == (4, 3)


def test_a_resolved_group_comes_back_by_what_is_merged_into_it(pair: Pair, occurrence: Make) -> None:
    first, second = pair
    merge(group=first, others=[second])
    resolve(group=first, version="1.1")
    assert record([occurrence(OTHER, version="1.2")]).reoccurred == (first.pk,)


def test_what_is_merged_into_the_other_comes_along(pair: Pair, occurrence: Make) -> None:
    first, second = pair
    record([occurrence(THIRD, of=CAROL)])
    third = group_of("A.third")
    merge(group=second, others=[third])
    merge(group=first, others=[second])
    assert member_ids(first) == [first.pk, second.pk, third.pk]
    first.refresh_from_db()
    assert (first.occurrences_count, first.users_count) == (5, 3)


def test_users_who_merge_count_once_in_groups_that_are_merged(occurrence: Make, user: UUID) -> None:
    record([occurrence(), occurrence(OTHER, of=BOB)])
    first, second = group_of("CheckoutFragment.onPay"), group_of("Cart.first")
    merge(group=first, others=[second])
    record([], lost_users=move(BOB, user))
    first.refresh_from_db()
    assert first.users_count == 1


def test_it_refuses_what_makes_no_sense(app: App, pair: Pair, occurrence: Make) -> None:
    first, second = pair
    with pytest.raises(MergeError):
        merge(group=first, others=[first])
    with pytest.raises(MergeError):
        merge(group=first, others=[])
    with pytest.raises(MergeError):
        split(group=first, member=second)
    elsewhere = create_app(name="Other")
    record([occurrence(in_app=elsewhere, of=user_key(elsewhere.public_id, "x"))])
    with pytest.raises(MergeError):
        merge(group=first, others=[CrashGroup.objects.get(app=elsewhere)])
    merge(group=first, others=[second])
    with pytest.raises(MergeError):
        merge(group=second, others=[first])
    record([occurrence(f"E: x\n\tat com.shop.A.f{n}x(A.kt:1)") for n in range(MOST_MEMBERS)])
    with pytest.raises(MergeError):
        merge(group=first, others=list(CrashGroup.objects.filter(culprit__endswith="x")))


_TRACES = (NPE, OTHER, THIRD)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("crash"), st.integers(0, 2), st.integers(1, 4)),
        st.tuples(st.just("merge"), st.integers(0, 2), st.integers(0, 2)),
        st.tuples(st.just("split"), st.integers(0, 2), st.integers(0, 2)),
        st.tuples(st.just("one user"), st.integers(1, 4), st.integers(1, 4)),
    ),
    max_size=10,
)


class TestAnyOrder(HypothesisTestCase):
    """Crashes, merges and splits of groups, and merges of users, in any order."""

    @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(_STEPS)
    def test_the_totals_are_those_of_the_rows(self, steps: list[tuple[str, int, int]]) -> None:
        app = create_app(name="Shop")
        record([make_occurrence(app, trace, of=UUID(int=1)) for trace in _TRACES])
        groups = list(CrashGroup.objects.filter(app=app).order_by("id"))
        for step, first, second in steps:
            if step == "crash":
                record([make_occurrence(app, _TRACES[first], of=UUID(int=second))])
            elif step == "one user" and first != second:
                record([], lost_users=move(UUID(int=first), UUID(int=second)))
            elif step in {"merge", "split"}:
                _try(step, groups[first], groups[second])
        for group in CrashGroup.objects.filter(app=app, merged_into=None):
            members = member_ids(group)
            assert group.occurrences_count == Crash.objects.filter(group__in=members).count()
            users = CrashUser.objects.filter(group__in=members).values("user_id").distinct().count()
            assert group.users_count == users


def _try(step: str, group: CrashGroup, other: CrashGroup) -> None:
    try:
        if step == "merge":
            merge(group=group, others=[other])
        else:
            split(group=group, member=other)
    except MergeError:
        return
