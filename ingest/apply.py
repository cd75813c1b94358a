"""Applies what waits in the inbox: claim, understand, fold, write and settle, in one transaction for a batch.

A batch holds the locks of its shards, so no two workers ever touch one user, and works through a prefix of what waits
there. Requests that merge users are few: the users they entangle are taken in stages, everybody else in the first.
A batch that fails is cut shorter until the request that cannot be applied stands alone; that one is set aside with its
reason.
"""

import gc
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction

from ingest import app_keys, inbox
from ingest.folding import Folded, Folder, Understood, needs_profile
from ingest.hiding import rule_that_hides
from ingest.inbox import Settlement, Verdict, Waiting
from ingest.wire.refusal import Refusal
from ingest.wire.request import RawRequest, parse
from profiles.access.models import App
from profiles.activity import recording, services as activity_services
from profiles.activity.models import Stale
from profiles.activity.view_ends import ArrivingEnds
from profiles.crashes import services as crash_services
from profiles.identity import services as identity_services
from profiles.messages import opening
from profiles.privacy import hiding, tombstones
from profiles.users import device_models, keys, memory, services as user_services, tokens
from profiles.users.identities import Identities, load_identities
from profiles.users.locks import lock_shards

log = logging.getLogger(__name__)

BATCH_SIZE = 3000
SHRINKING = 8  # how much shorter the next prefix is after a failure
MOST_FAILURES = 10  # of single requests in one batch, with no success among them: then the fault is ours, not theirs


class _MoreShardsNeededError(Exception):
    """The batch touches users of shards that it does not hold."""

    def __init__(self, shards: set[int]) -> None:
        super().__init__(f"{len(shards)} shards")
        self.shards = shards


class SystemicFailureError(Exception):
    """Every request of a batch failed alone: nothing was set aside, everything still waits."""


def apply_waiting(*, shards: Collection[int] = range(keys.SHARDS), limit: int = BATCH_SIZE) -> int:
    """Apply the oldest requests that wait in `shards` and return how many were settled; 0 when nothing waits.

    Holds nothing when it returns. Database faults are raised, and everything of the batch still waits.
    """
    try:
        return _apply_batch(set(shards), limit)
    except (OperationalError, InterfaceError):
        raise
    except Exception as fault:  # noqa: BLE001 - whatever it is, it is looked for request by request
        log.warning("batch_failed", extra={"fault": type(fault).__name__})
        return _apply_around_poison(set(shards), limit)


def _apply_around_poison(shards: set[int], limit: int) -> int:
    """Apply a failed batch in ever smaller prefixes; refuse what fails alone.

    Nothing is refused before something else went well, or few enough were left over: when everything fails, the fault
    is ours, and everything waits until it is mended.
    """
    settled = 0
    size = limit
    suspects: dict[int, str] = {}
    while settled + len(suspects) < limit:
        try:
            done = _apply_batch(shards, size, passing_over=suspects)
        except (OperationalError, InterfaceError):
            raise
        except Exception as fault:
            if size > 1:
                size = max(1, size // SHRINKING)
                continue
            for suspect in inbox.claim(shards, 1, passing_over=suspects):
                log.warning("request_failed_alone", exc_info=not suspects, extra={"request_id": suspect.id})
                suspects[suspect.id] = f"failed_{type(fault).__name__}"
            if not settled and len(suspects) > MOST_FAILURES:
                raise SystemicFailureError from fault
            continue
        settled += done
        if not done:
            break
        size = min(size * 2, limit)
    return settled + _refuse(shards, suspects)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the collector of cycles out of a batch.

    It would walk through a hundred thousand live objects again and again, for a quarter of the time, and find nothing.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _apply_batch(shards: set[int], limit: int, *, passing_over: Collection[int] = ()) -> int:
    """Apply one batch; take more locks and start again when it reaches users of other shards."""
    while True:
        try:
            with _uncollected(), transaction.atomic():
                lock_shards(shards)
                waiting = inbox.claim(shards, limit, passing_over=passing_over)
                if waiting:
                    _Batch(waiting, shards).apply()
                return len(waiting)
        except _MoreShardsNeededError as more:
            # Locks are always taken in one order, so give up those held and begin again with the larger set.
            shards = shards | more.shards


def _refuse(shards: set[int], reasons: Mapping[int, str]) -> int:
    """Set requests aside, with their reasons, if they still wait."""
    with transaction.atomic():
        lock_shards(shards)
        waiting = inbox.find(reasons.keys())
        inbox.settle([_refused(request, reasons[request.id]) for request in waiting], datetime.now(tz=UTC))
        return len(waiting)


def _refused(waiting: Waiting, reason: str, device_key: UUID = inbox.NOBODY) -> Settlement:
    return Settlement(
        request=waiting,
        device_key=device_key,
        user_id=None,
        stamped_at=None,
        digest=None,
        verdict=Verdict.REFUSED,
        reason=reason,
    )


@dataclass(slots=True)
class _Batch:
    """Requests of held shards on their way through one transaction."""

    waiting: Sequence[Waiting]
    shards: set[int]
    now: datetime = field(default_factory=lambda: datetime.now(tz=UTC))
    settlements: list[Settlement] = field(default_factory=list)
    touched: dict[UUID, int] = field(default_factory=dict)
    zones: dict[int, ZoneInfo] = field(default_factory=dict)
    crashes: list[crash_services.Occurrence] = field(default_factory=list)
    lost_crash_users: list[int] = field(default_factory=list)

    def apply(self) -> None:
        """Settle every request of the batch."""
        understood = self._without_deleted(self._without_duplicates(self._understand()))
        identities = self._identities(understood)
        for stage in _stages(understood):
            self._merge(stage, identities)
            self._fold(stage, identities)
        self._hide(understood)
        crash_services.record(self.crashes, lost_users=self.lost_crash_users, shard=min(self.shards))
        self.settlements += map(_applied, understood)
        activity_services.mark_stale(Stale.Kind.ENGAGEMENT, self.touched.items(), self.now)
        activity_services.mark_stale(Stale.Kind.FUNNELS, self.touched.items(), self.now)
        inbox.settle(self.settlements, self.now)

    def _understand(self) -> list[Understood]:
        """Parse every request; what has no effect at all is refused here."""
        apps = app_keys.load({w.app_id for w in self.waiting})
        self.zones = {app.id: ZoneInfo(app.timezone) for app in apps.values()}
        understood = []
        for waiting in self.waiting:
            request = parse(
                RawRequest(
                    query=waiting.query,
                    body=waiting.body,
                    content_type=waiting.content_type,
                    ip=waiting.ip or None,
                    user_agent=waiting.user_agent,
                    received_at=waiting.received_at,
                )
            )
            app = apps.get(waiting.app_id)
            if isinstance(request, Refusal):
                self.settlements.append(_refused(waiting, request.value))
            elif app is None:
                self.settlements.append(_refused(waiting, "app_deleted"))
            else:
                key = keys.user_key(app.public_id, request.device_id)
                understood.append(Understood(waiting, request, app, key, key))
        return understood

    def _without_duplicates(self, understood: list[Understood]) -> list[Understood]:
        """Leave out what was applied before, or stands twice in this batch."""
        floors: dict[UUID, datetime] = {}
        oldest = self.now - timedelta(days=settings.REQUESTS_KEPT_DAYS)
        for item in understood:
            request = item.request
            if request.digest is None or request.stamped_at is None:
                continue
            # It cannot have come before it was made, unless the device's clock was ahead of ours then.
            floor = oldest if request.skew else max(oldest, request.stamped_at - timedelta(seconds=1))
            floors[item.device_key] = min(floor, floors.get(item.device_key, floor))
        known = inbox.applied_digests(floors)
        fresh = []
        for item in understood:
            if item.request.digest is not None:
                pair = (item.device_key, UUID(bytes=item.request.digest))
                if pair in known:
                    self.settlements.append(_duplicate(item))
                    continue
                known.add(pair)
            fresh.append(item)
        return fresh

    def _without_deleted(self, understood: list[Understood]) -> list[Understood]:
        """Leave out what devices recorded before their user was deleted, or its details, as the app has it.

        What is left out is filed without a word of it. Read under the shards' locks, which a deletion holds too.
        """
        deleted = tombstones.spans_of({item.device_key for item in understood})
        if not deleted:
            return understood
        staying = []
        for item in understood:
            if not tombstones.covers(deleted.get(item.device_key, ()), item.request.at):
                staying.append(item)
            elif item.app.late_data == App.LateData.FRESH:
                item.request = replace(item.request, details=None, picture=None)
                staying.append(item)
            else:
                bare = replace(item.waiting, query=b"", body=b"", content_type="", ip="", user_agent="")
                self.settlements.append(_refused(bare, "user_deleted"))
        return staying

    def _identities(self, understood: Iterable[Understood]) -> Identities:
        """Load whose the devices are, and make sure that the shards of all users in play are held."""
        device_keys = set()
        for item in understood:
            device_keys.add(item.device_key)
            if item.request.old_device_id is not None:
                device_keys.add(keys.user_key(item.app.public_id, item.request.old_device_id))
        identities = load_identities(device_keys)
        needed = {keys.shard_of(key) for key in device_keys | identities.users()}
        if not needed <= self.shards:
            raise _MoreShardsNeededError(needed)
        return identities

    def _hide(self, understood: Iterable[Understood]) -> None:
        """Hide who a rule of their app knows; bring the copies of those who are hidden already up to date."""
        caught: dict[tuple[int, str], set[UUID]] = defaultdict(set)
        for item in understood:
            waiting, rules = item.waiting, item.app.hiding_rules
            if rules and (rule := rule_that_hides(rules, item.request, user_agent=waiting.user_agent, ip=waiting.ip)):
                caught[item.app.id, rule].add(item.user_id)
        for (app_id, rule), user_ids in sorted(caught.items()):
            hiding.hide(app_id, user_ids, reason=rule, now=self.now)
        hiding_apps = {item.app.id for item in understood if item.app.hides_users}
        if hiding_apps:
            hiding.follow(user_id for user_id, app_id in self.touched.items() if app_id in hiding_apps)

    def _merge(self, stage: Sequence[Understood], identities: Identities) -> None:
        """Perform the merges that the requests of a stage ask for, before anything else in them."""
        for item in stage:
            old_device_id = item.request.old_device_id
            if old_device_id is None:
                continue
            absorbed_key = keys.user_key(item.app.public_id, old_device_id)
            survivor_id = identities.owner(item.device_key, item.request.at)
            merge = identity_services.merge_for_sdk(
                app_id=item.app.id,
                request_id=item.waiting.id,
                survivor_id=survivor_id,
                survivor_device_id=item.request.device_id,
                absorbed_id=absorbed_key,
                absorbed_device_id=old_device_id,
                merged_at=item.request.at,
                now=self.now,
            )
            self.lost_crash_users += merge.lost_crash_users
            if merge.is_absorbed:
                self.touched.update({absorbed_key: item.app.id, survivor_id: item.app.id})
                self.crashes = [
                    replace(crash, user_id=survivor_id) if crash.user_id == absorbed_key else crash
                    for crash in self.crashes
                ]
            identities.merge(absorbed_key, item.request.at, survivor_id)

    def _fold(self, stage: Sequence[Understood], identities: Identities) -> None:
        """Fold the requests of a stage onto their users and write what came of it."""
        for item in stage:
            item.user_id = identities.owner(item.device_key, item.request.at)
        activity = user_services.load_activity({key for item in stage for key in (item.user_id, item.device_key)})
        known = set(activity)
        for item in stage:
            if item.user_id not in known:
                item.user_id = item.device_key  # the user that absorbed this device was deleted since
                known.add(item.user_id)
        profiles = user_services.load_profiles(
            {item.user_id for item in stage if needs_profile(item, activity.get(item.user_id))}
        )
        key_ids = activity_services.event_key_ids(
            (item.app.id, event.key) for item in stage for event in item.request.events
        )
        device_names = device_models.device_names_of(
            {item.request.facts.device for item in stage if item.request.facts and item.request.facts.device}
        )
        folder = Folder(activity, profiles, self.zones, key_ids, device_names)
        for item in stage:
            folder.fold(item)
        self._write(folder.folded)

    def _write(self, folded: Folded) -> None:
        """Write what came of a stage: a fixed number of statements, whatever its size."""
        self.touched.update(folded.app_of_user)
        self.crashes += folded.crashes
        recording.record_signals(folded.activity, folded.signals, folded.days, self.zones)
        views = ArrivingEnds(folded.visits, folded.view_ends)
        views.add_to_arriving()
        activity_services.file_events(folded.events)
        views.settle()
        activity_services.count_days(folded.days, shard=min(self.shards))
        activity_services.add_to_days(folded.days)
        changed = [folded.profiles[user_id] for user_id in folded.changed_profiles]
        user_services.save_activity(folded.activity[user_id] for user_id in folded.app_of_user)
        memory.remember_properties(folded.property_entries)
        memory.remember_consents(folded.consent_entries)
        tokens.register_tokens(folded.token_entries)
        opening.note(folded.openings, shard=min(self.shards))
        user_services.count_users(folded.new_users, folded.newly_identified)
        user_services.give_uids(changed)
        user_services.save_profiles(changed)


def _stages(understood: Sequence[Understood]) -> list[list[Understood]]:
    """Cut requests into stages such that in each, no merge comes after another request of a user that it entangles.

    The stage of a request is the number of merges, itself included, that came before it among the devices that its
    own device is entangled with.
    """
    leader: dict[UUID, UUID] = {}

    def find(key: UUID) -> UUID:
        while leader.get(key, key) != key:
            key = leader[key]
        return key

    merges = [
        (item.device_key, keys.user_key(item.app.public_id, item.request.old_device_id))
        for item in understood
        if item.request.old_device_id is not None
    ]
    if not merges:
        return [list(understood)]
    for new, old in merges:
        leader[find(old)] = find(new)
    level: dict[UUID, int] = defaultdict(int)
    stages: dict[int, list[Understood]] = defaultdict(list)
    for item in understood:
        group = find(item.device_key)
        if item.request.old_device_id is not None:
            level[group] += 1
        stages[level[group]].append(item)
    return [stages[number] for number in sorted(stages)]


def _applied(item: Understood) -> Settlement:
    notes = {note.value: times for note, times in item.request.notes.items()}
    return Settlement(
        request=item.waiting,
        device_key=item.device_key,
        user_id=item.user_id,
        stamped_at=item.request.stamped_at,
        digest=UUID(bytes=item.request.digest) if item.request.digest is not None else None,
        verdict=Verdict.PARTLY if notes else Verdict.APPLIED,
        notes=notes or None,
    )


def _duplicate(item: Understood) -> Settlement:
    return Settlement(
        request=item.waiting,
        device_key=item.device_key,
        user_id=None,
        stamped_at=item.request.stamped_at,
        digest=UUID(bytes=item.request.digest) if item.request.digest is not None else None,
        verdict=Verdict.DUPLICATE,
        reason="duplicate",
    )
