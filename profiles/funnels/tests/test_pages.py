"""The pages of funnels: list, report, definition; the box of a profile; Django's admin; who may what."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from profiles.access.models import App, AppTotals, Membership
from profiles.activity.models import Stale
from profiles.activity.services import mark_stale
from profiles.funnels import services
from profiles.funnels.boxes import funnels_box
from profiles.funnels.models import Funnel
from profiles.funnels.querysets import definitions, journey
from profiles.funnels.services import StepInput
from profiles.tests.factories import People, make_event, make_people, make_person, make_session, make_user
from profiles.users.models import AppUser

NOW = datetime(2026, 11, 14, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOSTILE = "<script>alert('x')</script>"


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def people(db: None) -> People:
    return make_people()


@pytest.fixture
def app(people: People) -> App:
    return people.app


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def alice(people: People) -> Client:
    return signed_in(people.alice)


@pytest.fixture
def bob(people: People) -> Client:
    return signed_in(people.bob)


def make_funnel(app: App, *steps: str | StepInput, name: str = "Purchase", **fields: Any) -> Funnel:
    funnel = Funnel(app=app, name=name, **fields)
    services.create_funnel(funnel, [step if isinstance(step, StepInput) else StepInput(step) for step in steps])
    return funnel


def walk(app: App, device_id: str, *keys: str) -> AppUser:
    user = make_user(app, device_id)
    for minute, key in enumerate(keys):
        make_event(user, key, NOW - timedelta(days=1) + minute * MINUTE)
    return user


def compute(funnel: Funnel) -> None:
    while services.compute_batch(funnel.pk, funnel.revision, NOW, 100):
        pass


def definition(*keys: str, **fields: str) -> dict[str, str]:
    """Return what the form sends."""
    rows = {f"form-{row}-event_key": key for row, key in enumerate(keys)}
    return {"name": "Purchase", "form-TOTAL_FORMS": str(len(keys)), "form-INITIAL_FORMS": "0", **rows, **fields}


# The list and the report


def test_the_list_shows_steps_and_conversion(app: App, bob: Client) -> None:
    for n, keys in enumerate(["AB", "AB", "A", "A"]):
        walk(app, f"device-{n}", *keys)
    compute(make_funnel(app, "A", "B", "[CLY]_session", window_seconds=7 * 86_400))
    compute(make_funnel(app, "A", "B", name="Short"))
    page = bob.get(f"/apps/{app.public_id}/funnels/").content.decode()
    assert "Session started" in page
    assert "within 7 d" in page
    assert "50%" in page
    assert "New funnel" not in page


def test_an_app_without_funnels_says_what_one_is(app: App, alice: Client) -> None:
    page = alice.get(f"/apps/{app.public_id}/funnels/").content.decode()
    assert "No funnel yet" in page
    assert f"/apps/{app.public_id}/funnels/new/" in page


def test_the_report_shows_users_per_step(app: App, bob: Client) -> None:
    for n, keys in enumerate(["ABC", "AB", "AB", "A", "A"]):
        walk(app, f"device-{n}", *keys)
    funnel = make_funnel(app, "A", StepInput("B"), "C")
    compute(funnel)
    response = bob.get(funnel.get_absolute_url())
    rows = response.context["page"].numbers.rows
    assert [row.report.users for row in rows] == [5, 3, 1]
    assert [row.gap for row in rows] == ["", "1 m 00 s", "1 m 00 s"]
    assert "Being computed" not in response.content.decode()


def test_a_report_shows_progress_until_it_is_computed(app: App, bob: Client) -> None:
    AppTotals.objects.create(app=app, shard=0, users=2000)
    funnel = make_funnel(app, "A", "B")
    Funnel.objects.update(computed_users=500)
    page = bob.get(funnel.get_absolute_url()).content.decode()
    assert "500 of about 2,000 users" in page
    assert "every 1500ms" in page
    fragment = bob.get(funnel.get_absolute_url(), headers={"hx-request": "true"}).content.decode()
    assert fragment.lstrip().startswith('<div id="report"')


def test_texts_of_strangers_are_only_texts(app: App, alice: Client) -> None:
    make_event(make_user(app), HOSTILE, NOW)
    step = StepInput(HOSTILE, [{"name": HOSTILE, "operator": "is", "value": HOSTILE}])
    funnel = make_funnel(app, step, "B", name=HOSTILE, description=HOSTILE)
    for address in ("", f"{funnel.public_id}/", f"{funnel.public_id}/edit/", f"{funnel.public_id}/delete/", "new/"):
        page = alice.get(f"/apps/{app.public_id}/funnels/{address}").content.decode()
        assert "<script>alert" not in page
        assert "style=" not in page


def test_queries_of_the_list_do_not_grow(
    app: App, bob: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    address = f"/apps/{app.public_id}/funnels/"
    make_funnel(app, "A", "B")
    bob.get(address)
    with django_assert_num_queries(19):
        bob.get(address)
    for n in range(20):
        make_funnel(app, "A", "B", name=f"Funnel {n}")
    with django_assert_num_queries(19):
        bob.get(address)


# Defining one


def test_a_funnel_is_defined(app: App, alice: Client) -> None:
    written = definition(
        "A",
        "",
        "B",
        window="36",
        unit="hours",
        is_same_session="on",
        **{"form-2-name0": "plan", "form-2-operator0": "is", "form-2-value0": "pro"},
    )
    response = alice.post(f"/apps/{app.public_id}/funnels/new/", written)
    funnel = Funnel.objects.get()
    assert response["Location"] == funnel.get_absolute_url()
    assert (funnel.app, funnel.name, funnel.window_seconds, funnel.is_same_session) == (app, "Purchase", 129_600, True)
    assert list(funnel.steps.values_list("position", "event_key", "filters")) == [
        (1, "A", []),
        (2, "B", [{"name": "plan", "operator": "is", "value": "pro"}]),
    ]


@pytest.mark.parametrize(
    ("written", "error"),
    [
        pytest.param(definition("A", "B", name=""), "This field is required", id="no-name"),
        pytest.param(definition("A", ""), "choose 2 events at least", id="one-step"),
        pytest.param(definition("A", "B", window="0"), "greater than or equal to 1", id="no-window"),
        pytest.param(definition("A", "B", window="9999", unit="days"), "ten years at most", id="long-window"),
        pytest.param(
            definition("A", "B", **{"form-1-name0": "n", "form-1-operator0": "greater", "form-1-value0": "many"}),
            "compares numbers, and “many” is none",
            id="no-number",
        ),
        pytest.param(
            definition("A", "B", **{"form-1-operator0": "is", "form-1-value0": "pro"}),
            "needs the name of a segmentation key",
            id="value-without-key",
        ),
        pytest.param(
            definition("A", "B", "", **{"form-2-name0": "n", "form-2-operator0": "is_set"}),
            "Choose the event that these conditions are for",
            id="condition-without-event",
        ),
        pytest.param(
            definition("A", "B", **{"form-1-name0": "n", "form-1-operator0": "sounds like"}),
            "Select a valid choice",
            id="no-operator",
        ),
    ],
)
def test_what_is_no_funnel_is_refused_with_a_reason(
    app: App, alice: Client, written: dict[str, str], error: str
) -> None:
    response = alice.post(f"/apps/{app.public_id}/funnels/new/", written)
    assert response.status_code == 422
    assert error in response.content.decode()
    assert not Funnel.objects.exists()


def test_rows_move_without_being_saved(app: App, alice: Client) -> None:
    written = definition("A", "B", "C", window="5", unit="minutes")
    response = alice.post(f"/apps/{app.public_id}/funnels/new/", {**written, "move": "up-2"})
    steps = response.context["steps"]
    assert [step["event_key"].value() for step in steps] == ["A", "C", "B", None]
    assert 'value="5"' in response.content.decode()
    assert not Funnel.objects.exists()


@pytest.mark.parametrize(
    ("move", "keys"),
    [
        ("down-0", ["B", "A"]),
        ("up-0", ["A", "B"]),
        ("down-1", ["A", "B"]),
        ("remove-0", ["B"]),
        ("remove-99", ["A", "B"]),
        ("nonsense", ["A", "B"]),
        ("add", ["A", "B"]),
    ],
)
def test_moves(app: App, alice: Client, move: str, keys: list[str]) -> None:
    response = alice.post(f"/apps/{app.public_id}/funnels/new/", {**definition("A", "B"), "move": move})
    assert [step["event_key"].value() for step in response.context["steps"]] == [*keys, None]


def test_a_funnel_is_edited_and_computed_again(app: App, alice: Client) -> None:
    funnel = make_funnel(
        app, "A", StepInput("B", [{"name": "n", "operator": "is", "value": True}]), window_seconds=3600
    )
    address = f"{funnel.get_absolute_url()}edit/"
    page = alice.get(address).content.decode()
    assert 'value="true"' in page
    assert '<option value="hours" selected>' in page
    alice.post(address, definition("B", "A", name="Turned"))
    funnel.refresh_from_db()
    assert (funnel.name, funnel.revision, funnel.window_seconds) == ("Turned", 2, None)
    assert [step.event_key for step in funnel.steps.all()] == ["B", "A"]


def test_a_funnel_is_duplicated(app: App, alice: Client) -> None:
    funnel = make_funnel(app, "A", StepInput("B", [{"name": "n", "operator": "is_set"}]), window_seconds=60)
    alice.post(f"{funnel.get_absolute_url()}duplicate/")
    copy = Funnel.objects.exclude(pk=funnel.pk).get()
    assert (copy.name, copy.window_seconds) == ("Purchase (copy)", 60)
    assert list(copy.steps.values_list("event_key", "filters")) == list(
        funnel.steps.values_list("event_key", "filters")
    )


def test_a_funnel_is_deleted_after_asking(app: App, alice: Client) -> None:
    funnel = make_funnel(app, "A", "B")
    assert "Delete <bdi>Purchase</bdi>?" in alice.get(f"{funnel.get_absolute_url()}delete/").content.decode()
    assert Funnel.objects.exists()
    alice.post(f"{funnel.get_absolute_url()}delete/")
    assert not Funnel.objects.exists()


# Who may what


def test_bob_reads_and_changes_nothing(app: App, bob: Client) -> None:
    funnel = make_funnel(app, "A", "B")
    assert bob.get(f"/apps/{app.public_id}/funnels/").status_code == 200
    assert bob.get(funnel.get_absolute_url()).status_code == 200
    for address in ("edit/", "delete/", "duplicate/"):
        assert bob.post(f"{funnel.get_absolute_url()}{address}", definition("A", "C")).status_code == 403
    assert bob.post(f"/apps/{app.public_id}/funnels/new/", definition("A", "C")).status_code == 403
    assert Funnel.objects.get().revision == 1


def test_an_analyst_defines_funnels(app: App) -> None:
    dora = make_person("dora")
    Membership.objects.create(user=dora, app=app, role=Membership.Role.ANALYST)
    assert signed_in(dora).post(f"/apps/{app.public_id}/funnels/new/", definition("A", "B")).status_code == 302


@pytest.mark.parametrize("address", ["", "new/", "{id}/", "{id}/edit/", "{id}/delete/"])
def test_charlie_sees_nothing(people: People, address: str) -> None:
    funnel = make_funnel(people.app, "A", "B")
    charlie = signed_in(people.charlie)
    path = f"/apps/{people.app.public_id}/funnels/{address.format(id=funnel.public_id)}"
    assert charlie.get(path).status_code == 404


def test_a_funnel_of_another_app_is_not_found(people: People) -> None:
    funnel = make_funnel(people.app, "A", "B")
    other = App.objects.get(name="Charlie's")
    assert signed_in(people.charlie).get(f"/apps/{other.public_id}/funnels/{funnel.public_id}/").status_code == 404


def test_nobody_is_asked_to_sign_in(app: App) -> None:
    assert Client().get(f"/apps/{app.public_id}/funnels/").status_code == 302


# The box of a profile


def test_the_box_says_when_and_why_not(app: App) -> None:
    user = make_user(app)
    make_session(user, NOW - timedelta(days=3))
    make_event(user, "A", NOW - timedelta(days=2))
    make_event(user, "B", NOW - timedelta(days=1), {"plan": "free"})
    pro = StepInput("B", [{"name": "plan", "operator": "is", "value": "pro"}])
    make_funnel(app, "[CLY]_session", "A", "B", name="Complete")
    make_funnel(app, "A", pro, "C", name="Half")
    make_funnel(app, "X", "A", name="None")
    box = funnels_box(app, user, NOW)
    complete, half = box.started
    assert (box.completed, box.total, [card.name for card in box.not_started]) == (1, 3, ["None"])
    assert [step.name for step in complete.steps] == ["Session started", "A", "B"]
    assert [step.gap for step in complete.steps] == ["", "1 d later", "1 d later"]
    assert (complete.is_complete, complete.took) == (True, "2 d")
    assert [step.at for step in half.steps] == [NOW - timedelta(days=2), None, None]
    assert half.steps[1].reason == "Did it, but plan was “free”; the step wants: plan is “pro”."
    assert half.steps[2].reason == ""
    assert box.not_started[0].steps[0].reason == "Never did it."


def test_the_box_is_of_this_user_alone(app: App) -> None:
    walk(app, "device-1", "A", "B")
    make_funnel(app, "A", "B")
    assert not funnels_box(app, make_user(app, "device-2"), NOW).started


def test_a_busy_users_earlier_attempt_is_shown_as_it_was_computed(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("profiles.funnels.boxes.journey", partial(journey, limit=4))
    user = walk(app, "device-1", *"ABC", *"AABABABBA")
    complete, half = make_funnel(app, "A", "B", "C", name="Complete"), make_funnel(app, "C", "A", "D", name="Half")
    make_funnel(app, "B", "A", name="Lately")
    for funnel in (complete, half):
        compute(funnel)
    box = funnels_box(app, user, NOW)
    assert box.is_cut
    assert {card.name: (card.reached, card.is_complete) for card in box.started} == {
        "Complete": (3, True),
        "Half": (2, False),
        "Lately": (2, True),
    }
    assert [step.at for step in box.started[0].steps] == [NOW - timedelta(days=1) + n * MINUTE for n in range(3)]
    assert box.started[1].steps[2].reason == "Not among the newest 2,000 events of the steps that came after."
    assert all(not step.reason for step in box.started[0].steps)


@pytest.mark.parametrize(("looked_at", "is_cut"), [(3, True), (4, False)])
def test_it_is_known_whether_all_was_looked_at(app: App, looked_at: int, *, is_cut: bool) -> None:
    user = walk(app, "device-1", *"XABX")
    wanted = definitions([make_funnel(app, "A", "B")])
    found, was_cut = journey(wanted, app.pk, user.id, looked_at=looked_at)
    assert [one.event_key for one in found.occurrences] == ["A", "B"]
    assert was_cut == is_cut


def test_the_box_of_an_app_without_funnels(app: App) -> None:
    box = funnels_box(app, make_user(app), NOW)
    assert (box.total, box.completed) == (0, 0)


@pytest.mark.parametrize("funnels", [1, 20])
def test_the_box_takes_four_queries(app: App, funnels: int, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    user = walk(app, "device-1", *"ABCABCABC")
    for n in range(funnels):
        make_funnel(app, "A", "B", "C", name=f"Funnel {n}", is_same_session=bool(n % 2))
    with django_assert_num_queries(4):
        funnels_box(app, user, NOW)


# Django's admin


@pytest.fixture
def root(db: None) -> Client:
    return signed_in(User.objects.create_superuser("root"))


def admin_form(app: App, *steps: tuple[int, str, str], initial: int = 0, **fields: str) -> dict[str, Any]:
    rows = {
        f"steps-{row}-{name}": value
        for row, step in enumerate(steps)
        for name, value in zip(("position", "event_key", "filters"), map(str, step), strict=True)
    }
    totals = {"steps-TOTAL_FORMS": len(steps), "steps-INITIAL_FORMS": initial}
    return {"app": app.pk, "name": "Purchase", "position": 0, **totals, **rows, **fields}


def test_admin_defines_and_edits(app: App, root: Client) -> None:
    response = root.post("/admin/profiles/funnel/add/", admin_form(app, (2, "B", "[]"), (1, "A", "[]")))
    assert response.status_code == 302
    funnel = Funnel.objects.get()
    assert [step.event_key for step in funnel.steps.all()] == ["A", "B"]
    ids = {f"steps-{n}-id": str(step.pk) for n, step in enumerate(funnel.steps.all())}
    parents = {f"steps-{n}-funnel": str(funnel.pk) for n in range(2)}
    page = root.get(f"/admin/profiles/funnel/{funnel.pk}/change/")
    assert page.status_code == 200
    changed = admin_form(app, (2, "A", '[{"name": "n", "operator": "is_set"}]'), (1, "B", "[]"), initial=2)
    response = root.post(f"/admin/profiles/funnel/{funnel.pk}/change/", {**changed, **ids, **parents})
    assert response.status_code == 302
    funnel.refresh_from_db()
    assert [(step.event_key, len(step.filters)) for step in funnel.steps.all()] == [("B", 0), ("A", 1)]
    assert funnel.revision == 2
    assert root.get("/admin/profiles/funnel/").status_code == 200


@pytest.mark.parametrize(
    ("filters", "error"),
    [
        ('{"plan": "pro"}', "The filter is a list"),
        ('["plan"]', "Condition 1 is not an object"),
        ('[{"name": "plan", "operator": "like", "value": "x"}]', "the operator is one of is, is_not"),
        ('[{"name": "", "operator": "is", "value": "x"}]', "needs the name"),
        ('[{"name": "plan", "operator": "is", "value": [1]}]', "a text, a number, true or false"),
        ('[{"name": "plan", "operator": "contains", "value": ""}]', "must contain"),
        ('[{"name": "a", "operator": "is_set"}, {"name": "n", "operator": "less", "value": true}]', "Condition 2"),
        ("[{}, {}, {}, {}]", "3 conditions at most"),
        ("[", "Enter a valid JSON"),
    ],
)
def test_admin_refuses_filters_with_a_reason(app: App, root: Client, filters: str, error: str) -> None:
    response = root.post("/admin/profiles/funnel/add/", admin_form(app, (1, "A", filters), (2, "B", "[]")))
    assert error in response.content.decode()
    assert not Funnel.objects.exists()


def test_admin_refuses_one_step(app: App, root: Client) -> None:
    response = root.post("/admin/profiles/funnel/add/", admin_form(app, (1, "A", "[]")))
    assert "give it 2 steps at least" in response.content.decode()


def test_numbers_that_are_behind_say_since_when(app: App, bob: Client) -> None:
    funnel = make_funnel(app, "view", "buy")
    compute(funnel)
    mark_stale(Stale.Kind.FUNNELS, [(walk(app, "device-1", "view").id, app.pk)], NOW - timedelta(minutes=20))
    for address in (funnel.get_absolute_url(), f"/apps/{app.public_id}/funnels/"):
        assert "is not in these numbers yet" in bob.get(address).content.decode()
    services.refresh_stale()
    assert "is not in these numbers yet" not in bob.get(funnel.get_absolute_url()).content.decode()


def test_funnels_are_put_in_order(app: App, alice: Client, bob: Client) -> None:
    funnels = [make_funnel(app, "A", "B", name=name) for name in ("first", "second", "third")]
    address = f"/apps/{app.public_id}/funnels/"
    for funnel, to in [(funnels[2], "up"), (funnels[0], "down"), (funnels[2], "up")]:
        assert alice.post(f"{funnel.get_absolute_url()}move/", {"to": to}).status_code == 302
    assert list(Funnel.objects.values_list("name", flat=True)) == ["third", "first", "second"]
    assert bob.post(f"{funnels[0].get_absolute_url()}move/", {"to": "up"}).status_code == 403
    page = bob.get(address).content.decode()
    assert page.index("third") < page.index("first") < page.index("second")
    assert "Move" not in page
