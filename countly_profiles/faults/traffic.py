"""People with SDKs: each sends its requests one after the other, again and again until it is told that they arrived.

What SDKs do on purpose here: retries unchanged but for `rr`, requests again although they were acknowledged, requests
in the wrong order, changes of the device id, bulk requests, and now and then a phone that is never switched on again.
"""

import json
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlencode

from countly_profiles.faults.book import LAST, TOTAL, Book, trail_of

TIMEOUT_SECONDS = 10.0
PAUSE_SECONDS = (0.1, 1.0)  # before a retry: the first, and the longest
ANSWERED_WITHIN_SECONDS = 90.0  # after traffic ended, what is under way must be answered
GIVES_UP = 0.1  # of failed tries: the app was removed, or the phone lost
REPEATS = 0.04
SWAPS = 0.06
MERGES = 0.015
BULKS = 0.04
BULK_SIZE = 3
STAMPED_BEFORE_MS = 200  # before it is sent

Parameters = dict[str, str]


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent at once: one request, or several in a bulk."""

    numbers: tuple[int, ...]
    items: tuple[Parameters, ...]
    is_merge: bool = False


@dataclass(slots=True)
class Answers:
    """How the server answered, over all senders."""

    later: int = 0  # 5xx: come again
    broken: int = 0  # no answer at all
    statuses: dict[int, int] = field(default_factory=dict)
    unlike_success: set[str] = field(default_factory=set)


class Person:
    """One person's SDK: makes requests, and knows which were acknowledged."""

    def __init__(self, name: str, app_key: str, seed: str) -> None:
        self.book = Book([name])
        self._name = name
        self._app_key = app_key
        self._random = random.Random(seed)
        self._number = 0
        self._stamp_ms = 0
        self._is_in_session = False

    def next_messages(self) -> list[Message]:
        """Return what is sent next, in the order of sending, which is not always that of the stamps."""
        chance = self._random.random()
        if self._number and chance < MERGES:
            return [self._merge()]
        if chance < MERGES + SWAPS:
            return [self._single(), self._single()][::-1]
        if chance < MERGES + SWAPS + BULKS:
            singles = [self._single() for _ in range(BULK_SIZE)]
            numbers = tuple(number for single in singles for number in single.numbers)
            return [Message(numbers, tuple(item for single in singles for item in single.items))]
        return [self._single()]

    def encoded(self, message: Message, left: int) -> tuple[str, str, bytes | None]:
        """Return method, target and body of a message; `left` is the queue's length, which a retry says anew."""
        if len(message.items) > 1:
            body = urlencode({"app_key": self._app_key, "requests": json.dumps([dict(i) for i in message.items])})
            return "POST", "/i/bulk", body.encode()
        form = urlencode({**message.items[0], "rr": str(left)})
        if message.numbers[0] % 2:
            return "GET", f"/i?{form}", None
        return "POST", "/i", form.encode()

    def chances(self, probability: float) -> bool:
        """Throw this person's dice."""
        return self._random.random() < probability

    def _single(self) -> Message:
        number, parameters = self._request()
        kind = self._random.random()
        if not self._is_in_session:
            self._is_in_session = True
            metrics = {"_os": "Android", "_os_version": "14", "_device": "Pixel 8", "_app_version": "3.1.0"}
            parameters |= {"begin_session": "1", "metrics": json.dumps(metrics)}
            self.book.with_session.add(number)
        elif kind < 0.25:
            parameters["session_duration"] = str(self._random.randint(1, 60))
            self.book.with_session.add(number)
        elif kind < 0.3:
            parameters |= {"end_session": "1", "session_duration": "5"}
            self._is_in_session = False
            self.book.with_session.add(number)
        if self._random.random() < 0.4:
            custom = {TOTAL: {"$inc": 1}, trail_of(number): {"$push": number}, LAST: number}
            parameters["user_details"] = json.dumps({"name": self._name, "custom": custom})
            self.book.with_details.add(number)
        return Message((number,), (parameters,))

    def _merge(self) -> Message:
        """Log in under a new device id: the user known so far is to go on under it."""
        old = self.book.device_ids[-1]
        self.book.device_ids.append(f"{self._name}-{len(self.book.device_ids)}")
        number, parameters = self._request()
        return Message((number,), (parameters | {"old_device_id": old},), is_merge=True)

    def _request(self) -> tuple[int, Parameters]:
        self._number += 1
        # Never ahead of the server's clock, which would correct it: several are made within one millisecond.
        self._stamp_ms = max(self._stamp_ms + 1, int(time.time() * 1000) - STAMPED_BEFORE_MS)
        event = {"key": "step", "count": 1, "segmentation": {"n": self._number}, "timestamp": self._stamp_ms}
        return self._number, {
            "app_key": self._app_key,
            "device_id": self.book.device_ids[-1],
            "timestamp": str(self._stamp_ms),
            "hour": "12",
            "dow": "1",
            "tz": "0",
            "sdk_name": "java-native-android",
            "sdk_version": "24.7.0",
            "events": json.dumps([event]),
        }


class Traffic:
    """Threads that send for their people until they are stopped."""

    def __init__(
        self, port: int, people: Sequence[Person], *, threads: int, requests_per_second: float, seed: str
    ) -> None:
        self.people = people
        self.answers = Answers()
        self._port = port
        self._pause = threads / requests_per_second
        self._stop = threading.Event()
        self._give_up_at = float("inf")
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._send_for, args=(people[i::threads], f"{seed}-{i}"), name=f"sender-{i}")
            for i in range(threads)
        ]

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End when what is under way was answered."""
        self._give_up_at = time.monotonic() + ANSWERED_WITHIN_SECONDS
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def acknowledged(self) -> int:
        """How many requests were acknowledged so far."""
        return sum(len(person.book.acknowledged) for person in self.people)

    def _send_for(self, people: Sequence[Person], seed: str) -> None:
        dice = random.Random(seed)
        connection = HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_SECONDS)
        sent: list[tuple[Person, Message]] = []
        while not self._stop.is_set():
            person = dice.choice(people)
            for message in person.next_messages():
                if self._deliver(connection, person, message):
                    sent.append((person, message))
                time.sleep(dice.uniform(0.5, 1.5) * self._pause)
            if sent and dice.random() < REPEATS:
                whose, again = dice.choice(sent[-200:])
                if self._send(connection, whose, again, left=0):
                    whose.book.repeats += len(again.numbers)
        connection.close()

    def _deliver(self, connection: HTTPConnection, person: Person, message: Message) -> bool:
        """Send until it is acknowledged, as SDKs do; tell whether it was."""
        pause, longest = PAUSE_SECONDS
        left = 5
        while not self._send(connection, person, message, left=left):
            left += 1
            if not message.is_merge and person.chances(GIVES_UP):
                person.book.given_up.update(message.numbers)
                return False
            if time.monotonic() > self._give_up_at:
                person.book.unanswered.update(message.numbers)
                return False
            time.sleep(pause)
            pause = min(pause * 2, longest)
        person.book.acknowledged.extend(message.numbers)
        return True

    def _send(self, connection: HTTPConnection, person: Person, message: Message, *, left: int) -> bool:
        """Send once; delivered is what is answered 2xx with a JSON object that has `result`."""
        method, target, body = person.encoded(message, left)
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            status, content = response.status, response.read()
        except (OSError, HTTPException):
            connection.close()
            with self._lock:
                self.answers.broken += 1
            return False
        return self._is_delivered(status, content)

    def _is_delivered(self, status: int, content: bytes) -> bool:
        with self._lock:
            self.answers.statuses[status] = self.answers.statuses.get(status, 0) + 1
            self.answers.later += status >= 500
        if not 200 <= status < 300:
            return False
        try:
            answer = json.loads(content)
        except ValueError:
            return False
        if not isinstance(answer, dict) or "result" not in answer:
            return False
        if answer["result"] != "Success":
            self.answers.unlike_success.add(str(answer["result"]))
        return True
