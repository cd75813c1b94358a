"""An SDK at work in one installation of the app: its clock runs, sessions are pinged, events wait and go in batches."""

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

from ingest.demo.devices import Platform
from ingest.demo.dialects import DIALECTS, CrashState, Dialect, Occurrence, to_json
from ingest.demo.faults import Fault
from ingest.demo.people import Handset, Locating
from ingest.demo.places import Place
from ingest.demo.releases import Release
from ingest.demo.requests import DemoRequest, Mark

_PING_SECONDS: Final = 60
_BASE64: Final = string.ascii_letters + string.digits + "+/"
_SUPPLIED, _GENERATED = "0", "1"  # device id types: from the app's developer, made by the SDK
_RETRY_CHANCE: Final = 0.004
# What a flaky network or an old bug makes of a request, now and then: the server takes the rest of it.
_MALFORMED_CHANCE: Final = 0.0015
_BROKEN: Final = (
    {"events": '[{"key":"view_item","count":1,"segmentation":{"sku":"lat'},
    {"metrics": "{_os: Android}"},
    {"user_details": "[object Object]"},
    {"events": to_json([{"count": 1}, {"key": "x" * 200, "count": 1}])},
    {"session_duration": "NaN", "location": "unknown"},
    {"crash": to_json({"_os": "Android", "_nonfatal": "true"})},
)


class PresentReached(Exception):  # noqa: N818 - not an error: the story has caught up with the clock
    """The simulated time has reached the real one; whatever is under way goes on without us."""


@dataclass
class Sdk:
    """One installation. `outbox` fills with what it sends, in order; `at_ms` is its clock."""

    app_key: str
    salt: str
    handset: Handset
    place: Place
    locating: Locating
    rng: Random
    now_ms: int
    outbox: list[DemoRequest] = field(default_factory=list)
    at_ms: int = 0
    is_known: bool = False
    """Whoever uses this installation has signed up or in."""
    release: Release = field(init=False)
    os_version: str = field(init=False)
    device_id: str = field(init=False)
    _id_type: str = field(init=False, default=_GENERATED)
    _stamp_ms: int = field(init=False, default=0)
    _events: list[dict[str, Any]] = field(init=False, default_factory=list)
    _flushed_ms: int = field(init=False, default=0)
    _pinged_ms: int = field(init=False, default=0)
    _began_ms: int = field(init=False, default=0)
    _view: tuple[str, str, int, str] | None = field(init=False, default=None)
    _last_view_id: str = field(init=False, default="")
    _last_event_id: str = field(init=False, default="")
    _crumbs: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.device_id = self.handset.device_id
        self.os_version = self.handset.os_version
        self._dialect: Dialect = DIALECTS[self.handset.device.platform]
        self._zone = ZoneInfo(self.place.timezone)

    @property
    def platform(self) -> Platform:
        """Which build of the app this is."""
        return self.handset.device.platform

    def open(self, at: datetime, release: Release, os_version: str) -> None:
        """Start the app at a time, with the version and the OS that the device has then: a session begins."""
        self.at_ms = max(round(at.timestamp() * 1000), self._stamp_ms + 1)
        self.release, self.os_version = release, os_version
        self._began_ms = self._pinged_ms = self._flushed_ms = self.at_ms
        self._view, self._last_view_id, self._last_event_id = None, "", ""
        self._events.clear()
        self._crumbs = ["app opened"]
        metrics = self._dialect.metrics(self.handset, os_version, release, self.place.locale)
        self._send({"begin_session": "1", "metrics": to_json(metrics), **self._location()}, sessions=1)

    def wait(self, seconds: float) -> None:
        """Let time pass; every 60 seconds of a session what waits is sent, and a ping.

        Raises PresentReached when that would lead into the future.
        """
        until_ms = self.at_ms + round(seconds * 1000)
        while (tick_ms := self._pinged_ms + _PING_SECONDS * 1000) <= min(until_ms, self.now_ms):
            self.at_ms = tick_ms
            self.flush()
            self._pinged_ms = tick_ms
            self._send({"session_duration": str(_PING_SECONDS)})
        if until_ms >= self.now_ms:
            self.at_ms = self.now_ms
            raise PresentReached
        self.at_ms = until_ms
        if until_ms - self._flushed_ms >= self._dialect.flush_seconds * 1000:
            self.flush()

    def close(self) -> None:
        """Leave the app: the view and the session end. (In a browser only the rest of the time is reported.)"""
        self._leave_view()
        self.flush()
        seconds = round((self.at_ms - self._pinged_ms) / 1000)
        if self._dialect.ends_sessions:
            self._send({"end_session": "1", "session_duration": str(seconds)})
        elif seconds:
            self._send({"session_duration": str(seconds)})

    def view(self, name: str) -> None:
        """Show a screen; the one before is left."""
        is_first = not self._last_view_id
        self._leave_view()
        event_id = self._new_event_id()
        segmentation: dict[str, Any] = {"name": name, "segment": self.platform.value, "visit": self._dialect.visit}
        if self.platform is Platform.WEB:
            path = f"/{name.lower()}"
            segmentation = {"name": path, "visit": 1, "view": path, "domain": "order.kahve.example"}
        if is_first:
            segmentation["start"] = self._dialect.visit
        self._view = (segmentation["name"], event_id, self.at_ms, self._last_view_id)
        self._record("[CLY]_view", segmentation, event_id=event_id, links={"pvid": self._last_view_id})
        self._last_view_id = event_id
        self._crumbs.append(f"screen {name}")

    def event(
        self, key: str, segmentation: Mapping[str, Any], *, total: float | None = None, seconds: float | None = None
    ) -> None:
        """Record a custom event."""
        event_id = self._new_event_id()
        links = {"cvid": self._view[1] if self._view else ""}
        if self.platform is Platform.IOS:
            links["peid"] = self._last_event_id
        self._record(key, segmentation, event_id=event_id, links=links, total=total, seconds=seconds)
        self._last_event_id = event_id
        self._crumbs.append(key.replace("_", " "))

    def details(self, changes: Mapping[str, Any]) -> None:
        """Set user details; events that wait go first, because they happened before."""
        self.flush()
        self._send({"user_details": to_json(changes)}, details=1)

    def change_id(self, device_id: str) -> None:
        """Become a known person: the server is asked to merge the device's former user into that one."""
        if device_id == self.device_id:
            return
        self.flush()
        former, self.device_id, self._id_type = self.device_id, device_id, _SUPPLIED
        self._send({"old_device_id": former}, merges=1)

    def consent(self, given: Mapping[str, bool]) -> None:
        """Tell the state of all consents."""
        self._send({"consent": to_json(given)})

    def push_token(self) -> None:
        """Report the token for notifications; a made-up one, no provider knows it."""
        token = f"{self.rng.getrandbits(256):064x}"
        if self.platform is Platform.IOS:
            self._send({"token_session": "1", "ios_token": token, "test_mode": "0"})
        elif self.platform is Platform.ANDROID:
            name = {"token_session": "1", "android_token": f"demo:{token}", "token_provider": "FCM"}
            self._send({**name, "locale": self.place.locale})

    def health_check(self) -> None:
        """Report the SDK's own health, as at its first start with a new version."""
        health = {"el": 0, "wl": 0, "sc": -1, "em": "", "bom": 0, "cbom": 0}
        constant = self._dialect.constant_metrics(self.handset.device, self.os_version)
        metrics = {"_app_version": self.release.version, **constant}
        self._send({"hc": to_json(health), "metrics": to_json(metrics)})

    def crash(self, fault: Fault) -> None:
        """Report a crash. What waits is sent at the app's next start at the latest; here at once."""
        self.flush()
        view = self._view[0].strip("/") if self._view else ""
        state = CrashState(
            release=self.release,
            os_version=self.os_version,
            run_seconds=(self.at_ms - self._began_ms) // 1000,
            view=view,
            logs=tuple(self._crumbs[-12:]),
            battery=self.rng.randrange(8, 100),
            ram_megabytes=round(self.handset.device.ram_megabytes * self.rng.uniform(0.05, 0.6)),
        )
        self._send({"crash": to_json(self._dialect.crash(fault, self.handset, state))}, crashes=1)

    def flush(self) -> None:
        """Send the events that wait."""
        self._flushed_ms = self.at_ms
        if self._events:
            self._send({"events": to_json(self._events)}, events=len(self._events))
            self._events.clear()

    def _leave_view(self) -> None:
        if self._view is None:
            return
        name, event_id, entered_ms, previous_id = self._view
        segmentation = {"name": name}
        if self.platform is not Platform.WEB:
            segmentation["segment"] = self.platform.value
        seconds = round((self.at_ms - entered_ms) / 1000)
        self._record("[CLY]_view", segmentation, event_id=event_id, links={"pvid": previous_id}, seconds=seconds)
        self._view = None

    def _record(
        self,
        key: str,
        segmentation: Mapping[str, Any],
        *,
        event_id: str,
        links: Mapping[str, str],
        total: float | None = None,
        seconds: float | None = None,
    ) -> None:
        at_ms = self._next_stamp()
        hour, weekday, _ = self._local(at_ms)
        self._events.append(
            self._dialect.event(
                Occurrence(
                    key=key,
                    at_ms=at_ms,
                    hour=hour,
                    weekday=weekday,
                    event_id=event_id,
                    links=links,
                    segmentation=segmentation,
                    sum=total,
                    dur=seconds,
                )
            )
        )

    def _new_event_id(self) -> str:
        if self.platform is Platform.WEB:
            return f"{self.rng.getrandbits(32):08x}{self.at_ms}"
        return "".join(self.rng.choices(_BASE64, k=8)) + str(self.at_ms)

    def _next_stamp(self) -> int:
        """Give a stamp that this installation has not used yet, as every SDK does."""
        self._stamp_ms = max(self.at_ms, self._stamp_ms + 1)
        return self._stamp_ms

    def _local(self, at_ms: int) -> tuple[int, int, int]:
        """Give hour, weekday with Sunday as 0, and minutes east of UTC."""
        local = datetime.fromtimestamp(at_ms / 1000, self._zone)
        offset = local.utcoffset()
        return local.hour, local.isoweekday() % 7, round(offset.total_seconds() / 60) if offset else 0

    def _location(self) -> dict[str, str]:
        """Give the place as the app knows it; without coordinates the server looks this address up."""
        if self.locating is Locating.NOTHING:
            return {"location": ""}
        address = {"ip_address": f"{self.place.network}.{self._host}"}
        if self.locating is Locating.ADDRESS_ONLY:
            return address
        latitude = self.place.latitude + self.rng.gauss(0, 0.015)
        longitude = self.place.longitude + self.rng.gauss(0, 0.02)
        known = {"city": self.place.city, "country_code": self.place.country_code}
        return {"location": f"{latitude:.4f},{longitude:.4f}", **known, **address}

    @property
    def _host(self) -> int:
        return 1 + sum(self.handset.device_id.encode()) % 250

    def _send(
        self,
        payload: Mapping[str, str],
        *,
        sessions: int = 0,
        events: int = 0,
        crashes: int = 0,
        details: int = 0,
        merges: int = 0,
    ) -> None:
        counts = {"sessions": sessions, "events": events, "crashes": crashes, "details": details, "merges": merges}
        stamp_ms = self._next_stamp()
        self._spell(stamp_ms, payload, Mark.ORDINARY, counts, waiting=0)
        # A retry is the same request, but for `rr`, the number of those that wait behind it.
        if self.rng.random() < _RETRY_CHANCE:
            self._spell(stamp_ms, payload, Mark.RETRY, {}, waiting=1)
        if self.rng.random() < _MALFORMED_CHANCE:
            self._spell(self._next_stamp(), self.rng.choice(_BROKEN), Mark.MALFORMED, {}, waiting=0)

    def _spell(
        self, stamp_ms: int, payload: Mapping[str, str], mark: Mark, counts: dict[str, int], *, waiting: int
    ) -> None:
        hour, weekday, timezone = self._local(stamp_ms)
        name, version = self._dialect.sdk(self.handset)
        device = self.handset.device
        base = {
            "app_key": self.app_key,
            "device_id": self.device_id,
            "t": self._id_type,
            "timestamp": str(stamp_ms),
            "hour": str(hour),
            "dow": str(weekday),
            "tz": str(timezone),
            "sdk_name": name,
            "sdk_version": version,
            "av": self.release.version,
            "rr": str(waiting),
        }
        constant = self._dialect.constant_metrics(device, self.os_version)
        if constant and "metrics" not in payload:
            payload = {**payload, "metrics": to_json(constant)}
        spelled = self._dialect.spell(base, payload, device=device, os_version=self.os_version, salt=self.salt)
        self.outbox.append(
            DemoRequest(
                stamped_at_ms=stamp_ms,
                method=spelled.method,
                target=spelled.target,
                headers=spelled.headers,
                body=spelled.body,
                mark=mark,
                **counts,
            )
        )
