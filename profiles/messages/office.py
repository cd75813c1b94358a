"""Senders at work in an event loop of a thread of their own, so that the database and the network wait for each other
no more than they must: posts go in, outcomes come out. Knows no database.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Final, Generic, TypeVar

from profiles.messages.outcomes import Outcome, Verdict
from profiles.messages.providers import NO_ANSWER, Post, Sender

_STOP_SECONDS: Final = 10.0

Key = TypeVar("Key")


class PostOffice(Generic[Key]):
    """Use it as a context. `make_sender` is called in the event loop, once for a name."""

    def __init__(self) -> None:
        self._answers: SimpleQueue[tuple[Key, Outcome]] = SimpleQueue()
        self._senders: dict[str, Sender] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="post-office", daemon=True)

    def __enter__(self) -> PostOffice[Key]:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_STOP_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_SECONDS)
        self._loop.close()

    def post(self, name: str, make_sender: Callable[[], Sender], posts: Sequence[tuple[Key, Post]]) -> None:
        """Have posts sent, all at once; each gives one answer."""
        self._loop.call_soon_threadsafe(self._begin, name, make_sender, posts)

    def answers(self, seconds: float) -> list[tuple[Key, Outcome]]:
        """Return the answers that have come, after waiting for the first one so long."""
        found = []
        try:
            found.append(self._answers.get(timeout=seconds))
            while True:
                found.append(self._answers.get_nowait())
        except Empty:
            return found

    def _begin(self, name: str, make_sender: Callable[[], Sender], posts: Sequence[tuple[Key, Post]]) -> None:
        sender = self._senders.get(name)
        if sender is None:
            sender = self._senders[name] = make_sender()
        for key, post in posts:
            task = self._loop.create_task(self._send(sender, key, post))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send(self, sender: Sender, key: Key, post: Post) -> None:
        outcome = Outcome(Verdict.RETRY, NO_ANSWER)  # of one that breaks, so that nobody waits for it
        try:
            outcome = await sender.send(post)
        finally:
            self._answers.put((key, outcome))

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(sender.close() for sender in self._senders.values()), return_exceptions=True)
