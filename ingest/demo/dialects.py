"""How each SDK spells things: order and encoding of parameters, GET or POST, form of events, metrics and crashes.

Made after captured requests (Web 26.1.1) and the sources of the others (Android and iOS 26.1.2).
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote, quote_plus

from ingest.demo.devices import Device, Platform
from ingest.demo.faults import Fault
from ingest.demo.people import Handset
from ingest.demo.releases import Release

_LONGEST_QUERY: Final = 2048
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """An event as the app records it."""

    key: str
    at_ms: int
    hour: int
    weekday: int
    event_id: str
    links: Mapping[str, str]
    """Ids of other events: `pvid`, or `cvid` and `peid`."""
    segmentation: Mapping[str, Any]
    sum: float | None = None
    dur: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashState:
    """What the SDK measures when the app fails."""

    release: Release
    os_version: str
    run_seconds: int
    view: str
    logs: tuple[str, ...]
    battery: int
    ram_megabytes: int


@dataclass(frozen=True, slots=True)
class Spelled:
    """A request in wire form."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def to_json(value: Any) -> str:
    """Write compact JSON, letters as they are."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class Dialect(ABC):
    """An SDK's way of writing. One per platform, without state."""

    sdk_name: str
    flutter_name: str
    sdk_version: str
    flutter_version: str = "26.1.0"
    visit: str | int = 1
    ends_sessions: bool = True
    flush_seconds: int = 60
    """How long events wait for company."""

    def sdk(self, handset: Handset) -> tuple[str, str]:
        """Give name and version of the SDK."""
        if handset.is_flutter:
            return self.flutter_name, self.flutter_version
        return self.sdk_name, self.sdk_version

    @abstractmethod
    def order(self, base: Mapping[str, str], payload: Mapping[str, str]) -> list[tuple[str, str]]:
        """Give the parameters in this SDK's order."""

    @abstractmethod
    def encode(self, value: str) -> str:
        """Percent-encode a value."""

    @abstractmethod
    def headers(self, device: Device, os_version: str) -> tuple[tuple[str, str], ...]:
        """Give what its HTTP client sends."""

    @abstractmethod
    def event(self, occurrence: Occurrence) -> dict[str, Any]:
        """Write one event."""

    @abstractmethod
    def metrics(self, handset: Handset, os_version: str, release: Release, locale: str) -> dict[str, Any]:
        """Write the metrics of a session's begin."""

    @abstractmethod
    def crash(self, fault: Fault, handset: Handset, state: CrashState) -> dict[str, Any]:
        """Write a crash."""

    def constant_metrics(self, device: Device, os_version: str) -> dict[str, Any]:
        """Give metrics that go with every request."""
        return {}

    def checksum(self, text: str, salt: str) -> str:
        """Give the checksum parameter's value; nothing: none is sent."""
        return sha256((text + salt).encode()).hexdigest() if salt else ""

    def posts(self, text: str, payload: Mapping[str, str]) -> bool:
        """Tell whether a request goes by POST."""
        return len(text) >= _LONGEST_QUERY or "crash" in payload

    def spell(
        self, base: Mapping[str, str], payload: Mapping[str, str], *, device: Device, os_version: str, salt: str
    ) -> Spelled:
        """Write a whole request."""
        text = "&".join(f"{name}={self.encode(value)}" for name, value in self.order(base, payload))
        if checksum := self.checksum(text, salt):
            text += f"&checksum256={checksum}"
        headers = self.headers(device, os_version)
        if self.posts(text, payload):
            return Spelled("POST", "/i", (*headers, ("Content-Type", _FORM)), text.encode())
        return Spelled("GET", f"/i?{text}", headers, b"")


class Android(Dialect):
    """Countly's Android SDK. It signs even without a salt, because the salt's text is then `null`."""

    sdk_name = "java-native-android"
    flutter_name = "dart-flutterb-android"
    sdk_version = "26.1.2"
    visit = "1"

    def order(self, base: Mapping[str, str], payload: Mapping[str, str]) -> list[tuple[str, str]]:
        first = ("app_key", "device_id", "timestamp", "sdk_version", "sdk_name", "av", "hour", "dow", "tz")
        return [(name, base[name]) for name in first] + [*payload.items(), ("rr", base["rr"])]

    def encode(self, value: str) -> str:
        return quote_plus(value, safe="*").replace("~", "%7E")

    def headers(self, device: Device, os_version: str) -> tuple[tuple[str, str], ...]:
        agent = f"Dalvik/2.1.0 (Linux; U; Android {os_version}; {device.model} Build/BP1A.250505.005)"
        return (("User-Agent", agent),)

    def checksum(self, text: str, salt: str) -> str:
        return super().checksum(text, salt or "null")

    def event(self, occurrence: Occurrence) -> dict[str, Any]:
        written: dict[str, Any] = {
            "key": occurrence.key,
            "count": 1,
            "timestamp": occurrence.at_ms,
            "hour": occurrence.hour,
            "dow": occurrence.weekday,
            "id": occurrence.event_id,
            **occurrence.links,
            "segmentation": occurrence.segmentation,
            "sum": occurrence.sum or 0,
        }
        if occurrence.dur:
            written["dur"] = occurrence.dur
        return written

    def metrics(self, handset: Handset, os_version: str, release: Release, locale: str) -> dict[str, Any]:
        device = handset.device
        return {
            "_device": device.model,
            "_os": device.os,
            "_os_version": os_version,
            "_resolution": device.resolution,
            "_app_version": release.version,
            "_manufacturer": device.manufacturer,
            "_has_hinge": "true" if device.has_hinge else "false",
            "_carrier": handset.carrier,
            "_density": device.density,
            "_locale": locale,
            "_store": "com.android.vending",
            "_device_type": device.device_type,
        }

    def crash(self, fault: Fault, handset: Handset, state: CrashState) -> dict[str, Any]:
        device = handset.device
        return {
            "_device": device.model,
            "_os": device.os,
            "_os_version": state.os_version,
            "_resolution": device.resolution,
            "_app_version": state.release.version,
            "_manufacturer": device.manufacturer,
            "_cpu": "arm64-v8a",
            "_opengl": "3",
            "_root": "false",
            "_ram_total": str(device.ram_megabytes),
            "_ram_current": str(state.ram_megabytes),
            "_disk_total": "110000",
            "_disk_current": "64000",
            "_bat": f"{state.battery}.0",
            "_run": str(state.run_seconds),
            "_orientation": "Portrait",
            "_online": "true",
            "_muted": "false",
            "_background": "false",
            "_ob": 0,
            "_error": fault.trace,
            "_nonfatal": "false" if fault.is_fatal else "true",
            "_logs": "".join(f"{line}\n" for line in state.logs),
            "_custom": {"screen": state.view, "build": state.release.build},
        }


class Ios(Dialect):
    """Countly's iOS SDK."""

    sdk_name = "objc-native-ios"
    flutter_name = "dart-flutterb-ios"
    sdk_version = "26.1.2"

    def order(self, base: Mapping[str, str], payload: Mapping[str, str]) -> list[tuple[str, str]]:
        first = ("app_key", "device_id", "t", "timestamp", "hour", "dow", "tz", "sdk_version", "sdk_name")
        return [(name, base[name]) for name in first] + [*payload.items(), ("av", base["av"]), ("rr", base["rr"])]

    def encode(self, value: str) -> str:
        return quote(value, safe="")

    def headers(self, device: Device, os_version: str) -> tuple[tuple[str, str], ...]:
        agent = "KahveMobile/350 CFNetwork/3860.100.1 Darwin/25.0.0"
        return (("Accept", "*/*"), ("User-Agent", agent))

    def event(self, occurrence: Occurrence) -> dict[str, Any]:
        return {
            "key": occurrence.key,
            "segmentation": occurrence.segmentation,
            "id": occurrence.event_id,
            **occurrence.links,
            "count": 1,
            "sum": occurrence.sum or 0,
            "timestamp": occurrence.at_ms,
            "hour": occurrence.hour,
            "dow": occurrence.weekday,
            "dur": occurrence.dur or 0,
        }

    def metrics(self, handset: Handset, os_version: str, release: Release, locale: str) -> dict[str, Any]:
        device = handset.device
        return {
            "_device": device.model,
            "_device_type": device.device_type,
            "_os": device.os,
            "_os_version": os_version,
            "_app_version": release.version,
            "_carrier": handset.carrier,
            "_resolution": device.resolution,
            "_density": device.density,
            "_locale": locale,
        }

    def crash(self, fault: Fault, handset: Handset, state: CrashState) -> dict[str, Any]:
        device = handset.device
        return {
            "_os": device.os,
            "_os_version": state.os_version,
            "_device": device.model,
            "_architecture": "arm64e",
            "_resolution": device.resolution,
            "_app_version": state.release.version,
            "_app_build": state.release.build,
            "_build_uuid": "6A1C8A5E-0D3B-36C2-9C4B-5D0C2B7A9E11",
            "_executable_name": "KahveMobile",
            "_name": fault.name,
            "_type": fault.name,
            "_error": fault.trace,
            "_nonfatal": not fault.is_fatal,
            "_ram_current": state.ram_megabytes,
            "_ram_total": device.ram_megabytes,
            "_disk_current": 40000,
            "_disk_total": 128000,
            "_bat": state.battery,
            "_orientation": "Portrait",
            "_online": 1,
            "_root": 0,
            "_background": 0,
            "_run": state.run_seconds,
            "_custom": {"screen": state.view},
            "_logs": "\n".join(state.logs),
            "_ob": 0,
        }


class Web(Dialect):
    """Countly's Web SDK: always POST, names in alphabetical order, the user agent everywhere, no end of a session."""

    sdk_name = "javascript_native_web"
    flutter_name = "javascript_native_web"
    sdk_version = "26.1.1"
    ends_sessions = False
    flush_seconds = 12

    def order(self, base: Mapping[str, str], payload: Mapping[str, str]) -> list[tuple[str, str]]:
        return sorted({**base, **payload}.items())

    def encode(self, value: str) -> str:
        return quote(value, safe="!'()*")

    def headers(self, device: Device, os_version: str) -> tuple[tuple[str, str], ...]:
        site = "https://order.kahve.example"
        agent = device.user_agent.format(v=os_version)
        return (("User-Agent", agent), ("Accept", "*/*"), ("Origin", site), ("Referer", f"{site}/"))

    def posts(self, text: str, payload: Mapping[str, str]) -> bool:
        return True

    def checksum(self, text: str, salt: str) -> str:
        return super().checksum(text, salt).upper()

    def event(self, occurrence: Occurrence) -> dict[str, Any]:
        written: dict[str, Any] = {"key": occurrence.key, "count": 1}
        if occurrence.sum is not None:
            written["sum"] = occurrence.sum
        if occurrence.dur:
            written["dur"] = occurrence.dur
        return written | {
            "segmentation": occurrence.segmentation,
            "timestamp": occurrence.at_ms,
            "hour": occurrence.hour,
            "dow": occurrence.weekday,
            "id": occurrence.event_id,
            **occurrence.links,
        }

    def constant_metrics(self, device: Device, os_version: str) -> dict[str, Any]:
        return {"_ua": device.user_agent.format(v=os_version)}

    def metrics(self, handset: Handset, os_version: str, release: Release, locale: str) -> dict[str, Any]:
        device = handset.device
        return {
            "_app_version": release.version,
            **self.constant_metrics(device, os_version),
            "_resolution": device.resolution,
            "_density": float(device.density),
            "_locale": locale.replace("_", "-"),
            "_os": device.os,
            "_device_type": device.device_type,
            "_browser": device.browser,
            "_browser_version": os_version.partition(".")[0],
        }

    def crash(self, fault: Fault, handset: Handset, state: CrashState) -> dict[str, Any]:
        return {
            "_resolution": handset.device.resolution,
            "_error": fault.trace,
            "_app_version": state.release.version,
            "_run": state.run_seconds,
            "_not_os_specific": True,
            "_javascript": True,
            "_online": True,
            "_background": False,
            "_logs": "\n".join(state.logs),
            "_nonfatal": not fault.is_fatal,
            "_view": f"/{state.view.lower()}",
            "_custom": {"build": state.release.build},
        }


DIALECTS: Final[Mapping[Platform, Dialect]] = {
    Platform.ANDROID: Android(),
    Platform.IOS: Ios(),
    Platform.WEB: Web(),
}
