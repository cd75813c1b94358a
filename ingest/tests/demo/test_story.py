"""The demo's month: believable, well formed, the same for the same seed, never in the future."""

import json
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest

from ingest.demo.devices import DEVICES, Platform
from ingest.demo.people import Habit, make_person
from ingest.demo.places import PLACES
from ingest.demo.requests import DemoRequest, Mark
from ingest.demo.rhythm import MOST_VISITS
from ingest.demo.story import Plan, story_of
from ingest.wire.checksum import has_valid_checksum

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
PLAN = Plan("a" * 40, "kahve", NOW, 30)
PEOPLE = 150
JSON_PARAMETERS = {"metrics", "events", "user_details", "crash", "consent", "hc"}


@cache
def stories() -> list[list[DemoRequest]]:
    return [story_of(PLAN, number) for number in range(PEOPLE)]


def requests() -> list[DemoRequest]:
    return [request for story in stories() for request in story]


def parameters(request: DemoRequest) -> dict[str, str]:
    text = request.body.decode() or request.target.partition("?")[2]
    pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs), "a repeated parameter"
    return dict(pairs)


def events(request: DemoRequest) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(parameters(request).get("events", "[]"))
    return found


def keys_of(story: list[DemoRequest]) -> Counter[str]:
    return Counter(event["key"] for request in story if request.events for event in events(request))


def stamp(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


class TestWhole:
    def test_the_same_plan_gives_the_same_bytes(self) -> None:
        assert story_of(PLAN, 7) == stories()[7]

    def test_another_seed_gives_other_people(self) -> None:
        other = Plan(PLAN.app_key, "salep", NOW, 30)
        assert {r.target for r in story_of(other, 7)}.isdisjoint(r.target for r in stories()[7] if r.method == "GET")

    def test_fewer_people_are_the_first_of_many(self) -> None:
        """A story depends on nobody else's."""
        assert story_of(PLAN, PEOPLE - 1) == stories()[-1]

    def test_nothing_is_in_the_future_and_it_ends_now(self) -> None:
        stamps = [request.stamped_at_ms for request in requests()]
        assert max(stamps) <= stamp(NOW)
        assert max(stamps) > stamp(NOW - timedelta(seconds=90))
        assert min(stamps) >= stamp(PLAN.since)

    def test_it_is_as_large_as_promised(self) -> None:
        assert 8_000 <= len(requests()) <= 16_000
        assert sum(request.sessions for request in requests()) > 1_000

    def test_one_person_is_bounded_however_long_the_period(self) -> None:
        year = Plan(PLAN.app_key, PLAN.seed, NOW, 365)
        begins = [sum(request.sessions for request in story_of(year, number)) for number in range(12)]
        assert max(begins) <= MOST_VISITS
        assert max(len(story) for story in stories()) < 30 * MOST_VISITS

    @pytest.mark.parametrize("days", [1, 2, 90])
    def test_any_length_of_period_works(self, days: int) -> None:
        plan = Plan(PLAN.app_key, PLAN.seed, NOW, days)
        told = [request for number in range(20) for request in story_of(plan, number)]
        assert told
        assert all(stamp(plan.since) <= request.stamped_at_ms <= stamp(NOW) for request in told)


class TestOrder:
    def test_an_installation_sends_in_the_order_in_which_things_happened(self) -> None:
        for story in stories():
            stamps = [request.stamped_at_ms for request in story if request.mark is not Mark.LATE]
            assert stamps == sorted(stamps)

    def test_some_data_arrives_late(self) -> None:
        late = [story for story in stories() if any(r.mark is Mark.LATE for r in story)]
        assert 2 <= len(late) <= PEOPLE / 5
        for story in late:
            stamps = [request.stamped_at_ms for request in story]
            assert stamps != sorted(stamps)

    def test_no_stamp_is_used_twice_but_by_retries(self) -> None:
        for story in stories():
            seen = Counter((parameters(r)["device_id"], r.stamped_at_ms) for r in story if r.mark is not Mark.RETRY)
            assert set(seen.values()) == {1}

    def test_a_retry_differs_in_rr_and_checksum_only(self) -> None:
        retries = 0
        for story in stories():
            for before, retry in pairwise(story):
                if retry.mark is not Mark.RETRY:
                    continue
                retries += 1
                first, second = parameters(before), parameters(retry)
                assert {name for name in first if first[name] != second[name]} <= {"rr", "checksum256"}
        assert retries > 5


class TestParameters:
    def test_every_request_names_app_device_sdk_and_its_time(self) -> None:
        for number, story in enumerate(stories()):
            zone = ZoneInfo(make_person(PLAN.seed, number).place.timezone)
            for request in story:
                sent = parameters(request)
                assert sent["app_key"] == PLAN.app_key
                assert sent["device_id"]
                assert sent["timestamp"] == str(request.stamped_at_ms)
                local = datetime.fromtimestamp(request.stamped_at_ms / 1000, zone)
                offset = local.utcoffset()
                assert offset is not None
                assert (sent["hour"], sent["dow"]) == (str(local.hour), str(local.isoweekday() % 7))
                assert sent["tz"] == str(round(offset.total_seconds() / 60))

    def test_what_should_be_json_is_json(self) -> None:
        for request in requests():
            if request.mark is Mark.MALFORMED:
                continue
            for name, value in parameters(request).items():
                if name in JSON_PARAMETERS:
                    json.loads(value)

    def test_a_few_are_malformed(self) -> None:
        assert 1 <= sum(request.mark is Mark.MALFORMED for request in requests()) < 60

    def test_sdks_and_versions_are_real_ones(self) -> None:
        names = {(sent["sdk_name"], sent["sdk_version"]) for sent in map(parameters, requests())}
        assert names == {
            ("java-native-android", "26.1.2"),
            ("objc-native-ios", "26.1.2"),
            ("javascript_native_web", "26.1.1"),
            ("dart-flutterb-android", "26.1.0"),
            ("dart-flutterb-ios", "26.1.0"),
        }

    def test_android_says_no_id_type_and_always_signs(self) -> None:
        for request in requests():
            sent = parameters(request)
            if sent["sdk_name"].endswith("-android"):
                assert "t" not in sent
                text = request.body.decode() or request.target.partition("?")[2]
                payload = text.rpartition("&checksum256=")[0]
                assert sent["checksum256"] == sha256(f"{payload}null".encode()).hexdigest()
            else:
                assert sent["t"] in "01"

    def test_a_browser_always_posts_and_never_ends_a_session(self) -> None:
        web = [r for r in requests() if parameters(r)["sdk_name"] == "javascript_native_web"]
        assert web
        for request in web:
            sent = parameters(request)
            assert request.method == "POST"
            assert "end_session" not in sent
            if request.mark is not Mark.MALFORMED:
                assert json.loads(sent["metrics"])["_ua"].startswith("Mozilla/5.0")
            assert list(sent) == sorted(sent)

    def test_long_requests_and_crashes_are_posted(self) -> None:
        for request in requests():
            assert len(request.target) < 2100
            if request.crashes:
                assert request.method == "POST"

    def test_with_a_salt_every_request_is_signed(self) -> None:
        salted = Plan(PLAN.app_key, PLAN.seed, NOW, 10, salt="sodiumchloride")
        for number in range(10):
            for request in story_of(salted, number):
                query = request.target.partition("?")[2].encode()
                content_type = dict(request.headers).get("Content-Type", "")
                assert has_valid_checksum(query, request.body, content_type, "sodiumchloride")


class TestEvents:
    def test_event_ids_belong_to_one_event_or_one_view(self) -> None:
        for story in stories():
            ids: dict[str, set[str]] = defaultdict(set)
            for request in story:
                if request.events:
                    for event in events(request):
                        ids[event["id"]].add(event["key"])
            assert all(len(keys) == 1 for keys in ids.values())

    def test_a_left_view_was_visited(self) -> None:
        for story in stories():
            told = [e for r in story if r.events for e in events(r) if e["key"] == "[CLY]_view"]
            visited = {event["id"] for event in told if "visit" in event["segmentation"]}
            assert {event["id"] for event in told} == visited

    def test_events_happen_before_they_are_sent(self) -> None:
        for request in requests():
            for event in events(request) if request.events else ():
                assert request.stamped_at_ms - 65_000 <= event["timestamp"] <= request.stamped_at_ms

    def test_the_funnel_narrows(self) -> None:
        reached = Counter[str]()
        for story in stories():
            reached.update(set(keys_of(story)))
        steps = [reached[key] for key in ("view_item", "add_to_cart", "checkout_start", "purchase")]
        assert steps == sorted(steps, reverse=True)
        assert 0.2 * PEOPLE < steps[3] < steps[0] <= PEOPLE

    def test_everything_that_people_do_is_there(self) -> None:
        told = Counter[str]()
        for story in stories():
            told += keys_of(story)
        assert set(told) >= {
            "[CLY]_view", "view_item", "add_to_cart", "checkout_start", "purchase", "search", "share", "find_store",
            "sign_up_start", "sign_up", "login", "rate_order",
        }  # fmt: skip

    def test_a_purchase_has_a_sum_and_a_duration(self) -> None:
        for request in requests():
            for event in events(request) if request.events else ():
                if event["key"] == "purchase":
                    assert event["sum"] > 1
                    assert event["dur"] > 1
                    assert re.fullmatch(r"K-[0-9A-F]{7}", event["segmentation"]["order_id"])


class TestPeople:
    def test_about_a_third_is_identified(self) -> None:
        identified = sum(any(request.details or request.merges for request in story) for story in stories())
        assert 0.2 * PEOPLE <= identified <= 0.4 * PEOPLE

    def test_nobody_is_identified_without_telling(self) -> None:
        """The type 0 of a device id means that the app gave it, and makes a user identified."""
        for number, story in enumerate(stories()):
            if make_person(PLAN.seed, number).account is None:
                assert all(parameters(r).get("t", "1") == "1" and not r.details for r in story)

    def test_ids_are_merged_on_signing_up(self) -> None:
        merges = [parameters(request) for request in requests() if request.merges]
        assert len(merges) > 15
        assert all(sent["old_device_id"] != sent["device_id"] for sent in merges)
        assert {sent.get("t", "0") for sent in merges} == {"0"}

    def test_some_come_with_a_second_device_and_become_one(self) -> None:
        targets = Counter(parameters(request)["device_id"] for request in requests() if request.merges)
        assert max(targets.values()) == 2

    def test_they_come_from_many_places_on_many_devices(self) -> None:
        people = [make_person(PLAN.seed, number) for number in range(PEOPLE)]
        assert len({person.place.country_code for person in people}) >= 12
        assert len({person.handset.device.model for person in people}) >= 15
        assert {person.habit for person in people} == set(Habit)
        assert {person.handset.device.platform for person in people} == set(Platform)

    def test_device_ids_are_unique(self) -> None:
        people = [make_person(PLAN.seed, number) for number in range(2000)]
        ids = [h.device_id for p in people for h in (p.handset, p.second_handset) if h]
        ids += [person.account.customer_id for person in people if person.account]
        assert len(set(ids)) == len(ids)

    def test_some_are_online_now(self) -> None:
        recent = stamp(NOW - timedelta(minutes=2))
        online = [story for story in stories() if story and story[-1].stamped_at_ms > recent]
        assert len(online) >= 6
        assert any("end_session" not in parameters(story[-1]) for story in online)

    def test_churned_people_are_gone(self) -> None:
        for number, story in enumerate(stories()):
            person = make_person(PLAN.seed, number)
            if person.habit is Habit.CHURNED and person.leaves < 0.9:
                assert story[-1].stamped_at_ms < stamp(NOW - timedelta(days=1))

    def test_mornings_are_busy_and_nights_are_quiet_where_people_live(self) -> None:
        hours = Counter(int(parameters(request)["hour"]) for request in requests() if request.sessions)
        assert hours[8] > 10 * max(hours[2], 1)

    def test_addresses_of_mail_reach_nobody(self) -> None:
        for number in range(500):
            account = make_person("any", number).account
            assert account is None or account.email.rpartition("@")[2] in {"example.com", "example.org", "example.net"}


class TestReleases:
    def test_people_update(self) -> None:
        versions: dict[str, list[str]] = defaultdict(list)
        for request in requests():
            sent = parameters(request)
            if request.sessions:
                versions[sent["device_id"]].append(json.loads(sent["metrics"])["_app_version"])
        assert {version for seen in versions.values() for version in seen} == {"3.3.2", "3.4.0", "3.4.1", "3.5.0"}
        assert all(seen == sorted(seen) for seen in versions.values() if len(seen) < 3)

    def test_the_bad_release_crashes_and_the_next_one_mends_it(self) -> None:
        hit = Counter[str]()
        for number in range(250):
            for request in story_of(PLAN, number):
                if request.crashes:
                    crash = json.loads(parameters(request)["crash"])
                    if "CheckoutFragment.onPay" in crash["_error"]:
                        assert crash["_nonfatal"] == "false"
                        hit[crash["_app_version"]] += 1
        assert set(hit) == {"3.4.0"}

    def test_each_platform_has_its_own_crashes(self) -> None:
        crashes = [json.loads(parameters(request)["crash"]) for request in requests() if request.crashes]
        traces = {crash["_error"].partition("\n")[0][:30] for crash in crashes}
        assert len(traces) >= 5
        assert {str(crash["_nonfatal"]).lower() for crash in crashes} == {"true", "false"}

    def test_an_app_that_died_says_nothing_more_in_that_visit(self) -> None:
        for story in stories():
            for crash, after in pairwise(story):
                sent = parameters(crash)
                if not crash.crashes or sent["sdk_name"] == "javascript_native_web":
                    continue
                if str(json.loads(sent["crash"])["_nonfatal"]).lower() == "false" and after.mark is Mark.ORDINARY:
                    assert after.sessions == 1


def test_places_and_devices_are_well_formed() -> None:
    for place in PLACES:
        ZoneInfo(place.timezone)
        assert -90 <= place.latitude <= 90
        assert -180 <= place.longitude <= 180
    assert len({(device.model, device.user_agent) for device in DEVICES}) == len(DEVICES)
