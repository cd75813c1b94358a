"""The senders against the stand-in, over TLS and HTTP/2: what is verified, what goes wrong, what is sent again."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from profiles.messages import providers
from profiles.messages.credentials import AppleKey, GoogleAccount
from profiles.messages.http2 import trusting
from profiles.messages.outcomes import SENT, Outcome, Verdict
from profiles.messages.providers import AppleSender, GoogleSender, Post, Sender
from profiles.messages.standin.accounts import AppleAccount, FirebaseAccount, new_firebase
from profiles.messages.standin.behaviour import Trick
from profiles.messages.standin.server import StandIn

MESSAGE = "65f0c0ffee65f0c0ffee65f0"


def key_of(account: AppleAccount) -> AppleKey:
    return AppleKey(account.key_id, account.team_id, account.topic, account.key.private)


def apple_post(start: str = "", environment: str = "production") -> Post:
    start = start or "f0"  # not one of the tricks, by chance
    token = start + secrets.token_hex(32)[len(start) :]
    payload = {"aps": {"alert": {"title": "Günaydın", "body": "Kahve?"}}, "c": {"i": MESSAGE}}
    return Post(token, environment, uuid4(), MESSAGE, payload, datetime.now(tz=UTC) + timedelta(days=1))


def google_post(start: str = "", data: dict[str, Any] | None = None) -> Post:
    payload = data or {"c.i": MESSAGE, "message": "Kahve?"}
    token = f"{start}:APA91b{secrets.token_hex(70)}"
    return Post(token, "production", uuid4(), MESSAGE, payload, datetime.now(tz=UTC) + timedelta(days=1))


def send(sender: Sender, posts: Sequence[Post]) -> list[Outcome]:
    async def all_at_once() -> list[Outcome]:
        try:
            return list(await asyncio.gather(*map(sender.send, posts)))
        finally:
            await sender.close()

    return asyncio.run(all_at_once())


def apple_sender(standin: StandIn, account: AppleAccount) -> AppleSender:
    return AppleSender(key_of(account), standin.addresses, trusting(standin.addresses.ca_file))


def google_sender(standin: StandIn, account: FirebaseAccount) -> GoogleSender:
    read = GoogleAccount.read(account.as_json())
    return GoogleSender(read, standin.addresses, trusting(standin.addresses.ca_file))


def test_apple_accepts_what_is_sent(standin: StandIn, apple: AppleAccount) -> None:
    posts = [apple_post(), apple_post(environment="development"), apple_post(environment="ad_hoc")]

    assert send(apple_sender(standin, apple), posts) == [SENT] * 3
    by_token = {one.token: one for one in standin.book.accepted}
    assert [by_token[post.token].environment for post in posts] == ["production", "sandbox", "production"]
    assert by_token[posts[0].token].payload == posts[0].payload
    assert by_token[posts[0].token].id == str(posts[0].id)


def test_google_accepts_what_is_sent_with_one_access_token(standin: StandIn, firebase: FirebaseAccount) -> None:
    posts = [google_post() for _ in range(40)]

    assert send(google_sender(standin, firebase), posts) == [SENT] * 40
    assert {one.token: one.payload for one in standin.book.accepted} == {post.token: post.payload for post in posts}
    assert standin.book.token_requests == 1


@pytest.mark.parametrize(
    ("trick", "outcome"),
    [
        (Trick.GONE, Outcome(Verdict.DROP_TOKEN, "Unregistered")),
        (Trick.BAD, Outcome(Verdict.DROP_TOKEN, "BadDeviceToken")),
        (Trick.OTHER_TOPIC, Outcome(Verdict.DROP_TOKEN, "DeviceTokenNotForTopic")),
        (Trick.TOO_LARGE, Outcome(Verdict.FAILED, "PayloadTooLarge")),
        (Trick.BUSY_ONCE, Outcome(Verdict.RETRY, "TooManyRequests", 1.0)),
        (Trick.BROKEN_ONCE, Outcome(Verdict.RETRY, "InternalServerError")),
        (Trick.SPLIT_ERROR, Outcome(Verdict.DROP_TOKEN, "BadDeviceToken")),
        (Trick.SLOW, SENT),
    ],
)
def test_what_apple_answers(standin: StandIn, apple: AppleAccount, trick: Trick, outcome: Outcome) -> None:
    standin.book.gone_at_ms = 1_700_000_000_000

    (got,) = send(apple_sender(standin, apple), [apple_post(trick.value)])

    gone_at = got.token_gone_at
    assert got == (outcome if gone_at is None else Outcome(outcome.verdict, outcome.reason, token_gone_at=gone_at))
    assert (gone_at is not None) == (trick is Trick.GONE)


@pytest.mark.parametrize(
    ("trick", "outcome"),
    [
        (Trick.GONE, Outcome(Verdict.DROP_TOKEN, "UNREGISTERED")),
        (Trick.BAD, Outcome(Verdict.DROP_TOKEN, "INVALID_ARGUMENT")),
        (Trick.OTHER_TOPIC, Outcome(Verdict.FAILED, "SENDER_ID_MISMATCH")),
        (Trick.TOO_LARGE, Outcome(Verdict.FAILED, "INVALID_ARGUMENT")),
        (Trick.BUSY_ONCE, Outcome(Verdict.RETRY, "QUOTA_EXCEEDED", 1.0, is_for_all=True)),
        (Trick.BROKEN_ONCE, Outcome(Verdict.RETRY, "INTERNAL")),
        (Trick.SPLIT_ERROR, Outcome(Verdict.DROP_TOKEN, "UNREGISTERED")),
    ],
)
def test_what_google_answers(standin: StandIn, firebase: FirebaseAccount, trick: Trick, outcome: Outcome) -> None:
    assert send(google_sender(standin, firebase), [google_post(trick.value)]) == [outcome]


def test_what_is_too_large_is_not_posted(standin: StandIn, apple: AppleAccount, firebase: FirebaseAccount) -> None:
    large = apple_post()
    large.payload["more"] = "x" * 4096

    assert send(apple_sender(standin, apple), [large]) == [Outcome(Verdict.FAILED, "PayloadTooLarge")]
    assert send(google_sender(standin, firebase), [google_post(data={"x": "ü" * 2048})]) == [
        Outcome(Verdict.FAILED, "PayloadTooLarge")
    ]
    assert standin.book.requests == 0


def test_an_unknown_key_and_another_topic_stop_the_message(standin: StandIn, apple: AppleAccount) -> None:
    stranger = AppleKey("ABCDEFGH23", apple.team_id, apple.topic, apple.key.private)
    elsewhere = AppleKey(apple.key_id, apple.team_id, "com.example.tea", apple.key.private)

    for key, reason in ((stranger, "InvalidProviderToken"), (elsewhere, "TopicDisallowed")):
        sender = AppleSender(key, standin.addresses, trusting(standin.addresses.ca_file))
        assert send(sender, [apple_post()]) == [Outcome(Verdict.STOP, reason)]


def test_an_expired_provider_token_is_renewed_once_for_all(standin: StandIn, apple: AppleAccount) -> None:
    late = datetime.now(tz=UTC) - timedelta(hours=3)
    clock = [late]
    sender = AppleSender(key_of(apple), standin.addresses, trusting(standin.addresses.ca_file), lambda: clock[0])

    # Our clock is three hours behind: the token is too old, a fresh one by the same clock as well.
    assert send(sender, [apple_post()]) == [Outcome(Verdict.STOP, "ExpiredProviderToken")]

    sender = apple_sender(standin, apple)

    async def across_the_expiry() -> list[Outcome]:
        first = await sender.send(apple_post())
        standin.book.behaviour.revoked_tokens.add(sender._token)
        rest = await asyncio.gather(*(sender.send(apple_post()) for _ in range(60)))
        await sender.close()
        return [first, *rest]

    # Half of an hour that began just now gives the same token again: wait for the next second.
    if int(time.time()) % 1800 == 0:
        time.sleep(1.1)
    assert asyncio.run(across_the_expiry()) == [SENT] * 61
    assert standin.book.counts()["repeats"] == 0


def test_a_lost_access_token_is_renewed_once_for_all(standin: StandIn, firebase: FirebaseAccount) -> None:
    sender = google_sender(standin, firebase)

    async def across_the_expiry() -> list[Outcome]:
        first = await sender.send(google_post())
        standin.book.expire_access_tokens()
        rest = await asyncio.gather(*(sender.send(google_post()) for _ in range(60)))
        await sender.close()
        return [first, *rest]

    assert asyncio.run(across_the_expiry()) == [SENT] * 61
    assert standin.book.token_requests == 2
    assert standin.book.counts()["repeats"] == 0


def test_a_strange_service_account_stops_the_message(standin: StandIn) -> None:
    stranger = new_firebase(standin.token_uri)

    assert send(google_sender(standin, stranger), [google_post()]) == [Outcome(Verdict.STOP, "invalid_grant")]


def test_a_server_that_goes_away_loses_and_repeats_nothing(standin: StandIn, apple: AppleAccount) -> None:
    """GOAWAY after every 50, with answers that are still on their way: those are waited for."""
    standin.book.behaviour.goaway_after = 50
    standin.book.behaviour.answer_seconds = 0.02
    posts = [apple_post() for _ in range(700)]

    assert send(apple_sender(standin, apple), posts) == [SENT] * 700
    assert standin.book.times_accepted == Counter(str(post.id) for post in posts)


def test_refused_streams_are_sent_again(standin: StandIn, apple: AppleAccount) -> None:
    standin.book.behaviour.refuse_every = 7
    posts = [apple_post() for _ in range(300)]

    outcomes = send(apple_sender(standin, apple), posts)

    sent = [post for post, outcome in zip(posts, outcomes, strict=True) if outcome == SENT]
    assert standin.book.times_accepted == Counter(str(post.id) for post in sent)
    assert set(outcomes) <= {SENT, Outcome(Verdict.RETRY, providers.NO_ANSWER)}
    assert len(sent) > 290


def test_a_reset_stream_is_of_unknown_fate(standin: StandIn, apple: AppleAccount) -> None:
    standin.book.behaviour.reset_every = 10
    posts = [apple_post() for _ in range(100)]

    outcomes = send(apple_sender(standin, apple), posts)

    assert Counter(outcomes) == {SENT: 90, Outcome(Verdict.RETRY, providers.NO_ANSWER): 10}
    assert len(standin.book.times_accepted) == 100


def test_split_answers_and_empty_frames_are_whole_answers(standin: StandIn, apple: AppleAccount) -> None:
    standin.book.behaviour.split_answers = standin.book.behaviour.empty_frames = True
    standin.book.behaviour.down = True

    assert send(apple_sender(standin, apple), [apple_post()]) == [Outcome(Verdict.RETRY, "ServiceUnavailable")]


def test_no_server_is_unreachable(standin: StandIn, apple: AppleAccount) -> None:
    nowhere = providers.Addresses("https://127.0.0.1:9", "https://127.0.0.1:9", "https://127.0.0.1:9")
    sender = AppleSender(key_of(apple), nowhere, trusting(standin.addresses.ca_file))

    assert send(sender, [apple_post()]) == [Outcome(Verdict.RETRY, providers.UNREACHABLE, is_for_all=True)]


def test_a_server_that_nobody_vouches_for_is_unreachable(standin: StandIn, apple: AppleAccount) -> None:
    sender = AppleSender(key_of(apple), standin.addresses, trusting())

    assert send(sender, [apple_post()]) == [Outcome(Verdict.RETRY, providers.UNREACHABLE, is_for_all=True)]
    assert standin.book.requests == 0


def test_few_streams_at_a_time_are_respected(standin: StandIn, apple: AppleAccount) -> None:
    """Apple grants one stream at first."""
    standin.book.behaviour.most_streams = 1

    assert send(apple_sender(standin, apple), [apple_post() for _ in range(30)]) == [SENT] * 30
