"""Crash reports with their names spelled out."""

from dataclasses import dataclass
from typing import Final, TypedDict

from ingest.wire.limits import Limits, Note, Notes
from ingest.wire.minidump import trace_of_minidump
from ingest.wire.user_agent import UserAgent
from ingest.wire.values import (
    JsonValue,
    UnreadableError,
    as_boolean,
    as_number,
    as_text,
    clean_json,
    is_absent,
    json_text,
    read_object,
    without_nul,
)


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
    """A minidump, as sent (base64). `error` says where it crashed."""
    apple_report: str = ""
    """A PLCrashReporter report that was sent beside the error."""
    binary_images: str = ""
    build_uuid: str = ""
    executable_name: str = ""
    load_address: str = ""
    custom: dict[str, JsonValue]
    extra: dict[str, JsonValue]
    """Whatever else was reported, leading underscore dropped."""


class _Numbers(TypedDict):
    ram_current: float | None
    ram_total: float | None
    disk_current: float | None
    disk_total: float | None
    battery: float | None
    battery_current: float | None
    battery_total: float | None
    running_seconds: float | None


# Which fields the app's own filter edited, and the width of the processor's words: Countly reads neither.
_IGNORED: Final = ("_ob", "_cpu_bit")


def read_crash(value: JsonValue, agent: UserAgent, limits: Limits, notes: Notes) -> CrashReport | None:
    """Read `crash`. One without error, app version or platform is none; a browser's agent fills the platform."""
    if is_absent(value):
        return None
    try:
        sent = read_object(value)
    except UnreadableError:
        notes.add(Note.CRASH_UNREADABLE)
        return None
    return _Reader(sent, limits, notes).report(agent)


class _Reader:
    """Takes the fields out of one report; what nobody took is extra."""

    def __init__(self, sent: dict[str, JsonValue], limits: Limits, notes: Notes) -> None:
        self._left = {name: value for name, value in sent.items() if name not in _IGNORED}
        self._limits = limits
        self._notes = notes

    def report(self, agent: UserAgent) -> CrashReport | None:
        limits = self._limits
        error, native_dump = self._error_and_dump()
        app_version = self._text("_app_version")
        os = self._text("_os") or agent.os
        for found, note in (
            (error, Note.CRASH_WITHOUT_ERROR),
            (app_version, Note.CRASH_WITHOUT_APP_VERSION),
            (os, Note.CRASH_WITHOUT_OS),
        ):
            if not found:
                self._notes.add(note)
                return None
        manufacturer = self._text("_manufacturer")
        other_manufacturer = self._text("_manufacture")  # Countly's server reads this, SDKs send the other
        return CrashReport(
            error=error,
            app_version=app_version,
            os=os,
            is_fatal=not self._is("_nonfatal"),
            name=self._text("_name"),
            type=self._text("_type"),
            os_version=self._text("_os_version") or (agent.os_version if os == agent.os else ""),
            device=self._text("_device") or agent.device,
            manufacturer=manufacturer or other_manufacturer,
            resolution=self._text("_resolution"),
            orientation=self._text("_orientation"),
            cpu=self._text("_cpu"),
            architecture=self._text("_architecture"),
            opengl=self._text("_opengl"),
            view=self._text("_view"),
            browser=self._text("_browser") or agent.browser,
            app_build=self._text("_app_build"),
            logs=self._text("_logs", limits.crash_logs),
            is_rooted=self._flag("_root"),
            is_online=self._flag("_online"),
            is_muted=self._flag("_muted"),
            has_signal=self._flag("_signal"),
            in_background=self._flag("_background"),
            is_javascript=self._is("_javascript"),
            is_os_independent=self._is("_not_os_specific"),
            is_unprocessed=self._is("_unprocessed"),
            native_dump=native_dump,
            apple_report=self._dump("_plcrash"),
            binary_images=self._binary_images(),
            build_uuid=self._text("_build_uuid"),
            executable_name=self._text("_executable_name"),
            load_address=self._text("_load_address"),
            custom=self._custom(),
            **self._numbers(),
            extra=self._extra(),  # last: the rest
        )

    def _error_and_dump(self) -> tuple[str, str]:
        """Give the error, and the minidump that it was read from if Android's SDK sent one in its place."""
        dump = self._dump("_native_cpp")
        sent = self._left.get("_error")
        trace = trace_of_minidump(sent[: self._limits.crash_dump]) if isinstance(sent, str) else None
        if trace is None:
            return self._text("_error", self._limits.crash_stack), dump
        return trace, self._text("_error", self._limits.crash_dump)

    def _dump(self, name: str) -> str:
        """Give a report in another format; SDKs send it in place of the error, and here that they did."""
        if as_boolean(self._left.get(name)) is not None:
            del self._left[name]
        return self._text(name, self._limits.crash_dump)

    def _text(self, name: str, longest: int | None = None) -> str:
        """Give a text; lines where an array was sent (Java's logs)."""
        value = self._left.pop(name, None)
        if value is None:
            return ""
        if isinstance(value, list):
            text = "\n".join([as_text(line) for line in value])
        else:
            text = json_text(value, self._limits) if isinstance(value, dict) else as_text(value)
        longest = self._limits.crash_text if longest is None else longest
        if len(text) > longest:
            self._notes.add(Note.CRASH_TEXT_CUT)
            text = text[:longest]
        return text

    def _flag(self, name: str) -> bool | None:
        return as_boolean(self._left.pop(name, None))

    def _is(self, name: str) -> bool:
        return as_boolean(self._left.pop(name, None)) is True

    def _number(self, name: str) -> float | None:
        number = as_number(self._left.pop(name, None))
        return None if number is None or abs(number) > self._limits.number else float(number)

    def _numbers(self) -> _Numbers:
        return {
            "ram_current": self._number("_ram_current"),
            "ram_total": self._number("_ram_total"),
            "disk_current": self._number("_disk_current"),
            "disk_total": self._number("_disk_total"),
            "battery": self._number("_bat"),
            "battery_current": self._number("_bat_current"),
            "battery_total": self._number("_bat_total"),
            "running_seconds": self._number("_run"),
        }

    def _binary_images(self) -> str:
        """Give the list of loaded images as the JSON text that symbolication wants, whole or not at all."""
        value = self._left.pop("_binary_images", None)
        if isinstance(value, dict | list):
            wide = Limits(json_items=100_000, custom_value=self._limits.crash_text)
            value = json_text(value, wide)
        text = as_text(value)
        if len(text) > self._limits.crash_dump:
            self._notes.add(Note.CRASH_TEXT_CUT)
            return ""
        return text

    def _custom(self) -> dict[str, JsonValue]:
        value = self._left.pop("_custom", None)
        if is_absent(value):
            return {}
        try:
            pairs = read_object(value)
        except UnreadableError:
            self._notes.add(Note.CUSTOM_UNREADABLE)
            return {}
        limits = self._limits
        if len(pairs) > limits.crash_custom_keys:
            self._notes.add(Note.CRASH_CUSTOM_OVER_LIMIT, len(pairs) - limits.crash_custom_keys)
        clean: dict[str, JsonValue] = {}
        for raw_key, raw in list(pairs.items())[: limits.crash_custom_keys]:
            key = without_nul(raw_key).lstrip("$")[: limits.custom_key]
            if key and raw is not None:
                clean[key] = clean_json(raw, limits, limits.crash_custom_value)
        return clean

    def _extra(self) -> dict[str, JsonValue]:
        limits = self._limits
        return {
            without_nul(name).removeprefix("_")[: limits.custom_key]: clean_json(
                value, limits, limits.crash_custom_value
            )
            for name, value in list(self._left.items())[: limits.crash_custom_keys]
        }
