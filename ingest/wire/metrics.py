"""Device facts: what `metrics` says about app, device, browser and origin, as clean text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """What a request says about its device. None: nothing said, the profile keeps what it knows."""

    platform: str | None = None
    platform_version: str | None = None
    device: str | None = None
    device_type: str | None = None
    manufacturer: str | None = None
    carrier: str | None = None
    resolution: str | None = None
    density: str | None = None
    locale: str | None = None
    language: str | None = None
    app_version: str | None = None
    source: str | None = None
    source_channel: str | None = None
    browser: str | None = None
    browser_version: str | None = None
    has_hinge: bool | None = None
    orientation: str | None = None
