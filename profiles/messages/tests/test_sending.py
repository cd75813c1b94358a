"""From a draft to the providers and back: against the stand-in, over the network, with the real tables."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from profiles.directory.audience import Audience
from profiles.directory.filters import tree
from profiles.messages import accounts, composing, lanes, letters, reasons, sending, services
from profiles.messages.credentials import AppleKey
from profiles.messages.models import LANES, Delivery, Message, MessageTotal, PushCredential, PushSettings
from profiles.messages.outcomes import Outcome, Verdict
from profiles.messages.services import Draft, MessageError
from profiles.messages.standin.accounts import new_apple
from profiles.messages.tests.making import Ready, give_token, outcomes, say, work
from profiles.tests.factories import make_person, make_user
from profiles.users.models import AppUser, DeviceToken, Identity

pytestmark = pytest.mark.django_db

State = Message.State


def users(ready: Ready, count: int, **fields: Any) -> list[AppUser]:
    return [make_user(ready.app, f"device-{number}", **fields) for number in range(count)]


def totals(message: Message) -> dict[tuple[str, str], int]:
    found: Counter[tuple[str, str]] = Counter()
    for outcome, reason, count in MessageTotal.objects.filter(message=message).values_list(
        "outcome", "reason", "count"
    ):
        found[outcome, reason] += count
    return {kind: count for kind, count in found.items() if count}


def test_everybody_with_a_token_gets_it_once(ready: Ready) -> None:
    people = users(ready, 60)
    tokens = [give_token(user, "apns" if number % 2 else "fcm") for number, user in enumerate(people[:50])]
    twice = give_token(people[0])

    message = ready.send()
    work()

    message.refresh_from_db()
    assert message.state == State.SENT
    assert message.matched_users == 60
    assert ready.accepted() == sorted(token.token for token in [*tokens, twice])
    assert outcomes(message) == totals(message) == {("sent", ""): 51}
    assert {one.collapse_id for one in ready.standin.book.accepted} == {message.public_id}


def test_only_the_audience_gets_it(ready: Ready) -> None:
    meant, other = users(ready, 2)
    AppUser.objects.filter(pk=meant.pk).update(platform="iOS")
    tokens = [give_token(user) for user in (meant, other)]

    ready.send(Audience(filter=tree.read("platform:is:iOS")))
    work()

    assert ready.accepted() == [tokens[0].token]


def test_texts_speak_to_the_user_in_their_language(ready: Ready) -> None:
    (user,) = users(ready, 1, name="Elif Kaya", locale="tr_TR")
    give_token(user, "fcm")

    ready.send(content=say("Merhaba {first_name|dostum}", "{custom.tier|Yeni}"))
    work()

    (got,) = ready.standin.book.accepted
    assert (got.payload["message"], got.payload["title"]) == ("Merhaba Elif", "Yeni")


def test_what_providers_refuse_is_told_apart_and_dead_tokens_are_left_alone(ready: Ready) -> None:
    people = users(ready, 5)
    starts = ["dead", "bad0", "0413", "b0b0", ""]
    tokens = [give_token(user, start=start) for user, start in zip(people, starts, strict=True)]

    message = ready.send()
    work()

    assert outcomes(message) == totals(message) == {
        ("failed", "Unregistered"): 1,
        ("failed", "BadDeviceToken"): 1,
        ("failed", "PayloadTooLarge"): 1,
        ("failed", "DeviceTokenNotForTopic"): 1,
        ("sent", ""): 1,
    }  # fmt: skip
    off = {token.token[:4] for token in DeviceToken.objects.exclude(disabled_reason="")}
    assert off == {"dead", "bad0", "b0b0"}
    again = ready.send()
    work()
    assert outcomes(again) == {("sent", ""): 1, ("failed", "PayloadTooLarge"): 1}
    assert tokens[4].token in ready.accepted()


def test_a_token_that_was_registered_after_it_was_called_dead_lives(ready: Ready) -> None:
    (user,) = users(ready, 1)
    token = give_token(user, start="dead")
    ready.standin.book.gone_at_ms = int((token.last_registered_at - timedelta(hours=1)).timestamp() * 1000)

    ready.send()
    work()

    token.refresh_from_db()
    assert token.disabled_reason == ""


def test_what_fails_for_a_while_is_tried_again(ready: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_FIRST_DELAY", 0.01)
    ready.standin.book.behaviour.retry_after = "0"
    people = users(ready, 6)
    tokens = []
    for provider in ("apns", "fcm"):
        for user, start in zip(people[: 3 if provider == "apns" else 6][-3:], ("0429", "0500", "0503"), strict=True):
            tokens.append(give_token(user, provider, start))

    message = ready.send()
    for _ in range(40):
        work()
        if outcomes(message) == {("sent", ""): 6}:
            break

    assert ready.accepted() == sorted(token.token for token in tokens)
    assert totals(message) == {("sent", ""): 6}


def test_attempts_come_to_an_end(ready: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_FIRST_DELAY", 0.0)
    (user,) = users(ready, 1)
    give_token(user, start="0555")

    message = ready.send()
    for _ in range(sending.MOST_ATTEMPTS):
        work()

    assert outcomes(message) == {("failed", "InternalServerError"): 1}
    assert ready.standin.book.requests == sending.MOST_ATTEMPTS


def test_delays_grow_and_a_provider_that_is_away_for_all_counts_no_attempt() -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    one = lanes.Claimed(UUID(int=1), UUID(int=2), "apns", now, now + timedelta(hours=1), 2)

    alone = sending.settled_by(one, Outcome(Verdict.RETRY, "TooManyRequests"), now, lambda: 0.5)
    for_all = sending.settled_by(one, Outcome(Verdict.RETRY, "Shutdown", 30, is_for_all=True), now, lambda: 0.5)
    too_late = sending.settled_by(one, Outcome(Verdict.RETRY, "x", 7200), now, lambda: 0.5)

    assert (alone.attempts, alone.due_at) == (3, now + timedelta(seconds=8))
    assert (for_all.attempts, for_all.due_at) == (2, now + timedelta(seconds=30))
    assert too_late.state == Delivery.State.FAILED


@pytest.mark.parametrize(
    "wrong",
    [
        {"goaway_after": 25},
        {"goaway_after": 25, "answer_seconds": 0.02},
        {"refuse_every": 7},
        {"reset_every": 9},
        {"empty_frames": True, "split_answers": True},
        {"busy_every": 10, "retry_after": "0"},
        {"most_streams": 1},
    ],
    ids=str,
)
def test_a_server_that_misbehaves_loses_nothing(
    ready: Ready, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, object]
) -> None:
    monkeypatch.setattr(sending, "_FIRST_DELAY", 0.01)
    for name, value in wrong.items():
        setattr(ready.standin.book.behaviour, name, value)
    tokens = [give_token(user, ("apns", "fcm")[number % 2]) for number, user in enumerate(users(ready, 120))]

    message = ready.send()
    for _ in range(100):
        work()
        message.refresh_from_db()
        if message.state == State.SENT:
            break

    assert outcomes(message) == totals(message) == {("sent", ""): 120}
    assert set(ready.accepted()) == {token.token for token in tokens}
    # Only a stream that is reset after the acceptance leaves it open whether it was one.
    repeats = ready.standin.book.counts()["repeats"]
    assert repeats > 0 if "reset_every" in wrong else repeats == 0


def test_a_refused_key_stops_the_message_and_a_new_one_goes_on_with_it(ready: Ready) -> None:
    tokens = [give_token(user) for user in users(ready, 30)]
    key_id = PushCredential.objects.get(kind="apns").shown["key id"]
    ready.standin.book.behaviour.revoked_keys.add(key_id)

    message = ready.send()
    work()

    message.refresh_from_db()
    assert message.state == State.FAILED
    assert "InvalidProviderToken" in message.fault
    assert outcomes(message) == totals(message) == {("queued", ""): 30}

    account = new_apple()
    ready.standin.book.apple[account.key_id] = account
    known = AppleKey(account.key_id, account.team_id, account.topic, account.key.private)
    accounts.store(ready.app, known, "", timezone.now())
    services.go_on(message, ready.author)
    work()

    message.refresh_from_db()
    assert message.state == State.SENT
    assert ready.accepted() == sorted(token.token for token in tokens)


def test_what_a_killed_sender_had_in_hand_is_posted_again_as_the_same(ready: Ready) -> None:
    # So many that chance gives every lane its five.
    tokens = [give_token(user) for user in users(ready, 100)]
    message = ready.send()
    composing.compose_batch(message.pk, timezone.now())
    # As one leaves it who is killed after the posts and before the answers are written down.
    for lane in range(LANES):
        claimed = lanes.claim(message.pk, lane, {"apns"}, timezone.now(), 5)
        written, _ = letters.write(message, say("Kahve?"), claimed, timezone.now())
        assert len(written) == 5
    assert outcomes(message)["sending", ""] == 20

    work()

    assert outcomes(message) == totals(message) == {("sent", ""): 100}
    assert ready.accepted() == sorted(token.token for token in tokens)
    first = {letter.claimed.token_key: letter.post.id for letter in written}
    by_token = {one.token: one.id for one in ready.standin.book.accepted}
    keys = {token.token_key: token.token for token in tokens}
    assert all(by_token[keys[key]] == str(post_id) for key, post_id in first.items())


def test_what_is_due_later_costs_nothing_now(ready: Ready) -> None:
    for user in users(ready, 12):
        give_token(user)
    message = ready.send()
    now = timezone.now()
    composing.compose_batch(message.pk, now)
    assert lanes.waiting(message.pk, now) == sorted(
        Delivery.objects.filter(message=message).values_list("lane", flat=True).distinct()
    )
    Delivery.objects.filter(message=message).update(due_at=now + timedelta(hours=1))
    assert lanes.waiting(message.pk, now) == []
    left = Delivery.objects.filter(message=message)[0]
    Delivery.objects.filter(pk=left.pk).update(state="sending")
    assert lanes.waiting(message.pk, now) == [left.lane]


def test_stopped_and_gone_on_with(ready: Ready) -> None:
    for user in users(ready, 10):
        give_token(user)
    message = ready.send()
    composing.compose_batch(message.pk, timezone.now())
    services.stop(message, ready.author, timezone.now())
    work()
    assert ready.accepted() == []

    services.go_on(message, ready.author)
    work()

    message.refresh_from_db()
    assert (message.state, len(ready.accepted())) == (State.SENT, 10)


def test_who_changed_since_composing_is_left_out(ready: Ready) -> None:
    gone, moved, off, refused, deleted, merged = people = users(ready, 6)
    tokens = [give_token(user) for user in people]
    message = ready.send()
    composing.compose_batch(message.pk, timezone.now())
    DeviceToken.objects.filter(user_id=gone.id).delete()
    stranger = make_user(ready.app, "stranger")
    for old, new in ((moved, stranger), (merged, stranger)):
        token = DeviceToken.objects.get(user_id=old.id)
        DeviceToken.objects.filter(user_id=old.id).delete()
        token.user_id = new.id
        token.save(force_insert=True)
    DeviceToken.objects.filter(user_id=off.id).update(disabled_reason="Unregistered")
    AppUser.objects.filter(pk=refused.pk).update(consent={"push": False})
    AppUser.objects.filter(pk=deleted.pk).delete()
    # Who was merged into somebody else since gets it there.
    Identity.objects.create(
        device_key=merged.id,
        until=timezone.now() + timedelta(minutes=1),
        user_id=stranger.id,
        app=ready.app,
        device_id="x",
        merge_id=1,
    )

    work()

    assert outcomes(message) == totals(message) == {
        ("skipped", reasons.TOKEN_GONE): 1,
        ("skipped", reasons.TOKEN_MOVED): 1,
        ("skipped", reasons.TOKEN_OFF): 1,
        ("skipped", reasons.REFUSED): 1,
        ("skipped", reasons.USER_GONE): 1,
        ("sent", ""): 1,
    }  # fmt: skip
    assert ready.accepted() == [tokens[5].token]


def test_a_token_that_moves_while_it_is_composed_gets_one_delivery(ready: Ready) -> None:
    first, second = sorted(users(ready, 2), key=lambda user: user.id)
    token = give_token(first)
    message = ready.send()
    composing.compose_batch(message.pk, timezone.now(), limit=1)
    DeviceToken.objects.filter(user_id=first.id).delete()
    token.user_id = second.id
    token.save(force_insert=True)

    while composing.compose_batch(message.pk, timezone.now(), limit=1):
        pass

    assert Delivery.objects.filter(message=message).count() == 1


def test_caps_count_messages_of_a_period_and_a_test_is_past_them(ready: Ready) -> None:
    PushSettings.objects.create(app=ready.app, cap_messages=1, cap_days=7)
    (user,) = users(ready, 1)
    give_token(user)
    give_token(user, "fcm")

    first = ready.send()
    work()
    second = ready.send()
    work()
    draft = Draft(say("Test"), Audience(picked=(user.uid,)))
    test = services.send_test(ready.app, draft, ready.author, timezone.now())
    work()

    assert outcomes(first) == {("sent", ""): 2}
    assert outcomes(second) == {("skipped", reasons.CAPPED): 2}
    assert outcomes(test) == {("sent", ""): 1}  # one device


def test_consent_and_missing_credentials_leave_out(ready: Ready) -> None:
    refused, huawei = users(ready, 2)
    AppUser.objects.filter(pk=refused.pk).update(consent={"push": False})
    give_token(refused)
    give_token(huawei, "hms")

    message = ready.send()
    work()

    assert outcomes(message) == {("skipped", reasons.REFUSED): 1, ("skipped", reasons.NO_CREDENTIAL): 1}
    message.refresh_from_db()
    assert message.state == State.SENT


def test_in_users_own_time_each_waits_for_their_clock(ready: Ready) -> None:
    now = timezone.now()
    east, west, passed = users(ready, 3)
    for user, minutes in ((east, 180), (west, -300), (passed, 600)):
        AppUser.objects.filter(pk=user.pk).update(timezone_offset_minutes=minutes)
        give_token(user)
    wall = (now + timedelta(minutes=180 - 1)).replace(tzinfo=None)  # a minute ago in the east

    message = ready.send(when=Message.When.LOCAL, wall_clock=wall)
    assert message.state == State.SENDING  # the day has begun in the first zone of the Earth
    work()

    assert outcomes(message) == {("sent", ""): 1, ("queued", ""): 1, ("skipped", reasons.TOO_LATE): 1}
    message.refresh_from_db()
    assert message.state == State.SENDING
    Delivery.objects.filter(message=message, state="queued").update(due_at=now)
    work()
    message.refresh_from_db()
    assert message.state == State.SENT


def test_a_scheduled_message_begins_in_its_time(ready: Ready) -> None:
    for user in users(ready, 3):
        give_token(user)
    wall = (timezone.now() + timedelta(hours=30)).replace(tzinfo=None)

    message = ready.send(when=Message.When.AT, wall_clock=wall)
    work()
    assert (message.state, ready.accepted()) == (State.SCHEDULED, [])

    assert message.starts_at is not None
    services.begin_due(message.starts_at)
    work()
    assert len(ready.accepted()) == 3


def test_a_second_person_approves(ready: Ready) -> None:
    PushSettings.objects.create(app=ready.app, needs_approval=True)
    (user,) = users(ready, 1)
    give_token(user)

    message = ready.send()
    work()
    assert (message.state, ready.accepted()) == (State.WAITING, [])
    with pytest.raises(MessageError, match="second person"):
        services.approve(message, ready.author, timezone.now())
    services.approve(message, make_person("second"), timezone.now())
    work()

    message.refresh_from_db()
    assert (message.state, message.approved_by, len(ready.accepted())) == (State.SENT, "second", 1)


def test_a_provider_that_asks_to_be_left_alone_is(ready: Ready) -> None:
    for user in users(ready, 5):
        give_token(user, "fcm")
    ready.standin.book.behaviour.down = True

    message = ready.send()
    work()
    asked = ready.standin.book.requests
    work()

    assert ready.standin.book.requests == asked == 5
    assert outcomes(message) == {("queued", "UNAVAILABLE"): 5}


def test_credentials_are_asked_about(ready: Ready) -> None:
    credential = PushCredential.objects.get(kind="apns")
    assert accounts.check(credential) == ""
    assert accounts.check(PushCredential.objects.get(kind="fcm")) == ""
    assert credential.shown["key id"].encode() not in bytes(credential.sealed)
    ready.standin.book.behaviour.revoked_keys.add(credential.shown["key id"])

    assert "InvalidProviderToken" in accounts.check(credential)
    credential.refresh_from_db()
    assert "signing key is refused" in credential.fault
