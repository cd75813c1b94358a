"""Sends a lane of a message: takes deliveries in hand, posts them, writes down what the providers said.

At most IN_HAND posts have no answer written down, at any time: so many are repeated when a sender is killed, each
with the id and the collapse id that it had, so that it replaces itself on the device.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Final

from django.utils import timezone

from profiles.messages import accounts, content as contents, lanes, letters
from profiles.messages.accounts import Account
from profiles.messages.content import Content
from profiles.messages.lanes import Claimed, Settled
from profiles.messages.models import Delivery, Message, PushCredential
from profiles.messages.office import PostOffice
from profiles.messages.outcomes import Outcome, Verdict
from profiles.messages.providers import Post
from profiles.messages.reasons import in_words

IN_HAND: Final = 200
MOST_ATTEMPTS: Final = 8
_WAIT_SECONDS: Final = 0.05
_FIRST_DELAY: Final = 1.0
_LONGEST_DELAY: Final = 600.0

State = Delivery.State


@dataclass(frozen=True, slots=True)
class _Posted:
    """A delivery in hand, and when the credential was changed that it was posted with."""

    claimed: Claimed
    account_changed_at: datetime


def send_lane(message_id: int, lane: int, until: float) -> int:
    """Send what is due of a lane, as far as the time goes (`until` as `monotonic` says it); return how many answers
    were written down. Where somebody else holds the lane: none.
    """
    with lanes.held(message_id, lane) as is_mine:
        if not is_mine:
            return 0
        lanes.take_back(message_id, lane)
        with PostOffice[_Posted]() as office:
            return _Lane(message_id, lane, office).work(until)


class _Lane:
    """One holder's work at a lane."""

    def __init__(self, message_id: int, lane: int, office: PostOffice[_Posted]) -> None:
        self._message_id, self._lane, self._office = message_id, lane, office
        self._in_hand = 0
        self._answered = 0
        self._content: Content | None = None

    def work(self, until: float) -> int:
        takes_more = True
        while takes_more or self._in_hand:
            if takes_more and self._in_hand <= IN_HAND // 2:
                taken = self._take() if monotonic() < until else 0
                takes_more = taken > 0
            if self._in_hand:
                answers = self._office.answers(_WAIT_SECONDS)
                self._in_hand -= len(answers)
                self._answered += len(answers)
                self._settle(answers)
        return self._answered

    def _take(self) -> int:
        """Take as many deliveries in hand as are missing, and post them; return how many were taken."""
        now = timezone.now()
        message = Message.objects.filter(pk=self._message_id, state=Message.State.SENDING).first()
        if message is None:
            return 0
        if self._content is None:
            self._content = contents.from_json(message.content)
        known = accounts.accounts_of(message.app_id)
        free = {name for name, one in known.items() if one.paused_until is None or one.paused_until <= now}
        # What nobody can be asked about is taken too: it stops the message.
        asked = free | ({provider.value for provider in accounts.Kind} - set(known))
        claimed = lanes.claim(self._message_id, self._lane, asked, now, IN_HAND - self._in_hand)
        if any(one.provider not in known for one in claimed):
            lanes.settle(self._message_id, self._lane, [_again(one, now) for one in claimed], now)
            _stop(self._message_id, "The app has no credential that can be read any more")
            return 0
        written, skipped = letters.write(message, self._content, claimed, now)
        lanes.settle(self._message_id, self._lane, skipped, now)
        by_provider: dict[str, list[tuple[_Posted, Post]]] = defaultdict(list)
        for letter in written:
            account = known[letter.claimed.provider]
            by_provider[letter.claimed.provider].append((_Posted(letter.claimed, account.changed_at), letter.post))
        for provider, posts in by_provider.items():
            self._post(provider, known[provider], posts)
        self._in_hand += len(written)
        return len(claimed)

    def _post(self, provider: str, account: Account, posts: Sequence[tuple[_Posted, Post]]) -> None:
        # A credential that is changed gets a sender of its own.
        name = f"{provider} {account.changed_at.isoformat()}"
        self._office.post(name, partial(accounts.sender_of, account.known), posts)

    def _settle(self, answers: Sequence[tuple[_Posted, Outcome]]) -> None:
        if not answers:
            return
        now = timezone.now()
        settled = [settled_by(posted.claimed, outcome, now, random.random) for posted, outcome in answers]
        lanes.settle(self._message_id, self._lane, settled, now)
        message = Message.objects.only("app_id").filter(pk=self._message_id).first()
        if message is None:
            return
        gone = [
            (posted.claimed.token_key, outcome.reason, outcome.token_gone_at or now)
            for posted, outcome in answers
            if outcome.verdict is Verdict.DROP_TOKEN
        ]
        lanes.disable_tokens(message.app_id, gone)
        _pause(message.app_id, answers, settled)
        _stop_for(self._message_id, message.app_id, answers)


def settled_by(one: Claimed, outcome: Outcome, now: datetime, chance: Callable[[], float]) -> Settled:
    """Return what an outcome makes of a delivery. `chance` gives numbers from 0 to 1: who was sent away together
    does not come back together.
    """
    match outcome.verdict:
        case Verdict.SENT:
            return Settled(one, State.SENT, attempts=one.attempts + 1)
        case Verdict.FAILED | Verdict.DROP_TOKEN:
            return Settled(one, State.FAILED, outcome.reason, attempts=one.attempts + 1)
        case Verdict.STOP | Verdict.REFRESH:
            return _again(one, now)
    # A provider that is away for all is no fault of this delivery's.
    attempts = one.attempts if outcome.is_for_all else one.attempts + 1
    delay = min(_FIRST_DELAY * 2**attempts, _LONGEST_DELAY) * (0.5 + chance())
    due = now + timedelta(seconds=max(delay, outcome.retry_after_seconds or 0.0))
    if attempts >= MOST_ATTEMPTS or due >= one.expires_at:
        return Settled(one, State.FAILED, outcome.reason, attempts=attempts)
    return Settled(one, State.QUEUED, outcome.reason, due, attempts)


def _again(one: Claimed, now: datetime) -> Settled:
    return Settled(one, State.QUEUED, due_at=now, attempts=one.attempts)


def _pause(app_id: int, answers: Sequence[tuple[_Posted, Outcome]], settled: Sequence[Settled]) -> None:
    """Leave a provider alone that asked for it, or that is away, until the first of these may be tried again."""
    untils: dict[str, datetime] = {}
    for (posted, outcome), one in zip(answers, settled, strict=True):
        if outcome.is_for_all and one.due_at is not None:
            provider = posted.claimed.provider
            untils[provider] = min(untils.get(provider, one.due_at), one.due_at)
    for provider, until in untils.items():
        PushCredential.objects.filter(app_id=app_id, kind=provider).update(paused_until=until)


def _stop_for(message_id: int, app_id: int, answers: Sequence[tuple[_Posted, Outcome]]) -> None:
    """Stop a message of which a provider says that nobody would get it, unless the credential was changed since."""
    reasons = Counter(
        (posted.claimed.provider, posted.account_changed_at, outcome.reason)
        for posted, outcome in answers
        if outcome.verdict in {Verdict.STOP, Verdict.REFRESH}
    )
    for provider, changed_at, reason in reasons:
        if PushCredential.objects.filter(app_id=app_id, kind=provider, changed_at=changed_at).update(fault=reason):
            _stop(message_id, f"{in_words(reason)} ({reason})")


def _stop(message_id: int, why: str) -> None:
    Message.objects.filter(pk=message_id, state=Message.State.SENDING).update(
        state=Message.State.FAILED, fault=why[:200]
    )
