"""Crash reports with their names spelled out."""

from dataclasses import dataclass

from ingest.wire.values import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashReport:
    """One crash or handled error, as reported. Empty text and None: not said."""

    error: str
    app_version: str
    os: str
    is_fatal: bool = True
    name: str = ""
    type: str = ""
    os_version: str = ""
    device: str = ""
    manufacturer: str = ""
    resolution: str = ""
    orientation: str = ""
    cpu: str = ""
    architecture: str = ""
    opengl: str = ""
    view: str = ""
    browser: str = ""
    app_build: str = ""
    logs: str = ""
    ram_current: float | None = None
    ram_total: float | None = None
    disk_current: float | None = None
    disk_total: float | None = None
    battery: float | None = None
    battery_current: float | None = None
    battery_total: float | None = None
    running_seconds: float | None = None
    is_rooted: bool | None = None
    is_online: bool | None = None
    is_muted: bool | None = None
    has_signal: bool | None = None
    in_background: bool | None = None
    is_javascript: bool = False
    is_os_independent: bool = False
    """`_not_os_specific`: the same group on every platform."""
    is_unprocessed: bool = False
    native_dump: str = ""
    """`_native_cpp`: a minidump, as sent (base64)."""
    apple_report: str = ""
    """`_plcrash`: a PLCrashReporter report, as sent."""
    binary_images: str = ""
    build_uuid: str = ""
    executable_name: str = ""
    load_address: str = ""
    custom: dict[str, JsonValue]
    extra: dict[str, JsonValue]
    """Whatever else was reported, leading underscore dropped."""
