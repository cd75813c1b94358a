"""Takes a merge back: both users are again what they were, each with what its own devices sent since.

What belongs to whom is decided by identities, as ingest decides it: what a device stamped up to a time. So data that
came between the merge and its undoing goes where it would have gone without the merge, and what comes later too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields as fields_of
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction

from profiles.access.models import App
from profiles.activity import recounting, services as activity_services, view_ends
from profiles.activity.models import Event, SessionSignal
from profiles.bulk import Part
from profiles.crashes import services as crash_services
from profiles.crashes.models import Crash
from profiles.identity.services import mark_stale, save, snapshot
from profiles.users import keys, memory, merging, services as user_services, tokens
from profiles.users.locks import lock_shards
from profiles.users.memory import Said
from profiles.users.models import ConsentChange, DeviceToken, Identity, Merge, PropertyChange
from profiles.users.services import ACTIVITY_COLUMNS, Activity, new_profile
from profiles.users.unmerging import LastSet, Side, rejoin, unmerge

_REQUEST_BITS = 16  # of a row's id below the request's


class CannotUndoError(Exception):
    """The merge cannot be undone; the words say why."""


def undo(*, app: App, merge: Merge, undone_by: AbstractBaseUser | AnonymousUser, now: datetime) -> None:
    """Undo a merge, for good: data of the absorbed user's devices is that user's again, whenever it comes.

    Takes the locks of both users' shards. Where the old device was used again since, what it was and what it became
    are one user. A survivor that only began to be with the merge, and of whom nothing came since, is gone again.
    Raises CannotUndoError.
    """
    with transaction.atomic():
        lock_shards({keys.shard_of(merge.user_id), keys.shard_of(merge.absorbed_id)})
        merge = Merge.objects.select_for_update().get(user_id=merge.user_id, id=merge.id)
        if merge.undone_at is not None:
            raise CannotUndoError("This merge was undone already.")
        ids = [merge.user_id, merge.absorbed_id]
        activity, profiles = user_services.load_activity(ids), user_services.load_profiles(ids)
        if merge.user_id not in activity or merge.user_id not in profiles:
            raise CannotUndoError("The user was merged into another one since: undo that first.")
        if merge.absorbed_before is None:
            raise CannotUndoError("Nothing is known of what was merged.")
        if not merge.brought:
            raise CannotUndoError("This merge was made before merges noted which devices came along.")
        _Undoing(app, merge, activity, profiles).carry_out(now)
        merge.undone_at = now
        merge.undone_by_id = undone_by.pk
        merge.save(update_fields=["undone_at", "undone_by"])
        mark_stale(app.id, ids, now)


class _Undoing:
    """One merge on its way back, with what is there of both users."""

    def __init__(
        self, app: App, merge: Merge, activity: Mapping[UUID, Activity], profiles: Mapping[UUID, dict[str, Any]]
    ) -> None:
        self._app = app
        self._merge = merge
        self._zone = ZoneInfo(app.timezone)
        self._survivor, self._absorbed = merge.user_id, merge.absorbed_id
        self._now = snapshot(profiles[self._survivor], activity[self._survivor])
        self._living = (
            snapshot(profiles[self._absorbed], activity[self._absorbed]) if self._absorbed in activity else None
        )
        self._is_renaming = merge.survivor_before is None
        self._survivor_before = user_services.from_json(merge.survivor_before) or self._nobody()
        self._absorbed_before = user_services.from_json(merge.absorbed_before)

    def _nobody(self) -> dict[str, Any]:
        now = self._now
        profile = new_profile(
            user_id=self._survivor,
            app_id=self._app.id,
            device_id=now["device_id"],
            created_at=now["created_at"],
        )
        return snapshot(profile, Activity(user_id=self._survivor, app_id=self._app.id))

    def carry_out(self, now: datetime) -> None:
        """Move what is the absorbed user's back, and write both."""
        parts = self._parts()
        self._give_identities_back()
        survivor, absorbed = self._profiles(parts)
        absorbed_is_new = self._living is None
        if self._living is not None:
            absorbed = rejoin(absorbed, self._living)
        with activity_services.days_counted([self._survivor, self._absorbed]):
            self._move(parts)
            self._recount(absorbed, self._absorbed)
            self._recount(survivor, self._survivor)
        if self._is_renaming and not self._has_anything(self._survivor):
            user_services.forget_user(self._survivor)
            survivor_remains = False
        else:
            user_services.give_uids([survivor])
            save(survivor)
            survivor_remains = True
        save(absorbed)
        self._count(survivor if survivor_remains else None, absorbed, absorbed_is_new=absorbed_is_new)
        crash_services.move_parts(self._survivor, self._absorbed, parts)
        self._count_crashes(survivor_remains=survivor_remains)

    def _parts(self) -> list[Part]:
        """Return what of the survivor's rows came with the merge, as stretches of the devices' time.

        A device that was merged more than once has several stretches, each up to its identity's `until`. The last one
        is open, since whatever lies behind it moved along; but for the survivor's own device, whose later data is its.
        """
        brought = {(UUID(key), datetime.fromisoformat(until)) for key, until in self._merge.brought}
        bounds: dict[UUID, list[datetime]] = {key: [] for key, _ in brought}
        for key, until in Identity.objects.filter(device_key__in=bounds).values_list("device_key", "until"):
            bounds[key].append(until)
        parts = []
        for key, untils in bounds.items():
            untils.sort()
            for place, until in enumerate(untils):
                if (key, until) in brought:
                    is_open = place + 1 == len(untils) and key != self._survivor
                    parts.append(Part(key, untils[place - 1] if place else None, None if is_open else until))
        return _joined(parts)

    def _give_identities_back(self) -> None:
        for key, until in self._merge.brought:
            Identity.objects.filter(
                device_key=UUID(key), until=datetime.fromisoformat(until), user_id=self._survivor
            ).update(user_id=self._absorbed)

    def _profiles(self, parts: Sequence[Part]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return both as they are apart, but for counts; reads what was said, before it moves."""
        merged = merging.merge(
            None if self._is_renaming else self._survivor_before,
            self._absorbed_before,
            survivor_id=self._survivor,
            survivor_device_id=self._now["device_id"],
        ).fields
        merged = self._survivor_before | merged
        properties = memory.newest_properties(self._survivor, parts)
        consents = [one for one in memory.consents_said(self._survivor, parts) if self._is_since(one)]
        sides = [
            Side(
                [
                    LastSet(one.name, one.value, int(one.changed_at.timestamp() * 1000), self._is_since(one))
                    for one in properties
                    if one.is_in_parts == is_absorbed
                ],
                [one.value for one in consents if one.is_in_parts == is_absorbed],
            )
            for is_absorbed in (False, True)
        ]
        survivor, absorbed = unmerge(
            self._now,
            merged,
            self._survivor_before,
            self._absorbed_before,
            sides[0],
            sides[1],
            int(self._merge.merged_at.timestamp() * 1000),
        )
        # What came first is found among the rows; it may have been the absorbed user's.
        survivor["first_seen_at"] = self._survivor_before["first_seen_at"] or survivor["last_seen_at"]
        return survivor, absorbed

    def _is_since(self, one: Said) -> bool:
        """Tell whether a change came with the request of the merge or later."""
        if self._merge.source == Merge.Source.SDK:
            return one.id >> _REQUEST_BITS >= self._merge.id
        return one.received_at > self._merge.applied_at

    def _move(self, parts: Sequence[Part]) -> None:
        users = (self._survivor, self._absorbed)
        view_ends.release(users)
        activity_services.move_parts(self._survivor, self._absorbed, parts)
        view_ends.settle_users(users)
        memory.move_memory(self._survivor, self._absorbed, parts=parts)
        tokens.move_tokens(self._survivor, self._absorbed, parts=parts)
        parted = {part.recorded_for for part in parts if not part.is_whole}
        if parted:
            for user_id in users:
                recounting.count_events_again(user_id, self._app.id, parted, self._zone)

    def _recount(self, columns: dict[str, Any], user_id: UUID) -> None:
        """Set sessions, counts and times of a user from its rows."""
        row = Activity(**{one.name: columns[one.name] for one in fields_of(Activity)})
        recounting.fold_again(row, self._zone)
        row.events_count = recounting.sum_of_days(user_id).events
        for at in _ends(user_id):
            row.see(at)
        columns |= {name: getattr(row, name) for name in ACTIVITY_COLUMNS}
        columns["user_id"] = user_id

    def _has_anything(self, user_id: UUID) -> bool:
        models = (Event, SessionSignal, PropertyChange, ConsentChange, DeviceToken)
        return any(model.objects.filter(user_id=user_id).exists() for model in models) or self._has_crashes(user_id)

    def _has_crashes(self, user_id: UUID) -> bool:
        own = Crash.objects.filter(user_id=user_id)
        return own.exclude(original_user_id__in={UUID(key) for key, _ in self._merge.brought}).exists()

    def _count(self, survivor: dict[str, Any] | None, absorbed: dict[str, Any], *, absorbed_is_new: bool) -> None:
        """Correct the app's totals."""
        was_identified = 0 if self._living is None else int(self._living["is_identified"])
        survivor_shard, absorbed_shard = keys.shard_of(self._survivor), keys.shard_of(self._absorbed)
        users = {(self._app.id, survivor_shard): -int(survivor is None)}
        identified = {
            (self._app.id, survivor_shard): int(bool(survivor and survivor["is_identified"]))
            - int(self._now["is_identified"])
        }
        for totals, change in (
            (users, int(absorbed_is_new)),
            (identified, int(absorbed["is_identified"]) - was_identified),
        ):
            totals[self._app.id, absorbed_shard] = totals.get((self._app.id, absorbed_shard), 0) + change
        user_services.count_users(users, identified)

    def _count_crashes(self, *, survivor_remains: bool) -> None:
        for user_id in [self._absorbed] + [self._survivor] * survivor_remains:
            user_services.set_crashes_count(user_id, crash_services.count_of_user(user_id))


def _joined(parts: Sequence[Part]) -> list[Part]:
    """Join stretches of a device that meet, so that a device which came as a whole is one open stretch."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if last is not None and last.recorded_for == part.recorded_for and last.until == part.after is not None:
            joined[-1] = Part(part.recorded_for, last.after, part.until)
        else:
            joined.append(part)
    return joined


def _ends(user_id: UUID) -> list[datetime]:
    """Return the first and last moments that are stored of a user: six looks at primary keys."""
    ends = []
    for model, column in ((Event, "occurred_at"), (SessionSignal, "at"), (PropertyChange, "changed_at")):
        for order in (column, f"-{column}"):
            at = model.objects.filter(user_id=user_id).order_by(order).values_list(column, flat=True).first()
            if at is not None:
                ends.append(at)
    return ends
