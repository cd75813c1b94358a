"""Device facts: what `metrics` says about app, device, browser and origin, as clean text."""

import re
from dataclasses import dataclass, replace
from typing import Final

from ingest.wire.limits import Limits, Note, Notes
from ingest.wire.user_agent import UNKNOWN_AGENT, UserAgent
from ingest.wire.values import JsonValue, UnreadableError, as_boolean, as_number, as_text, is_absent, read_object

_APPLE: Final = frozenset(("ios", "ipados", "macos", "mac", "mac os x", "osx", "os x", "tvos", "watchos", "visionos"))
_TYPE_OF_PLATFORM: Final = {
    "ipados": "tablet",
    "watchos": "wearable",
    "tvos": "smarttv",
    "macos": "desktop",
    "mac": "desktop",
    "osx": "desktop",
    "os x": "desktop",
    "mac os x": "desktop",
}
_TYPE_OF_MODEL: Final = (("iphone", "mobile"), ("ipod", "mobile"), ("ipad", "tablet"))
# Countly's server puts these before versions, and takes versions that already have them (importers send such).
_VERSION_CODES: Final = {
    "android": "a",
    "ios": "i",
    "macos": "o",
    "mac": "o",
    "osx": "o",
    "windows": "mw",
    "linux": "l",
    "tvos": "atv",
    "watchos": "wos",
    "windows phone": "w",
    "blackberry": "b",
    "tizen": "t",
    "roku": "r",
    "unity editor": "uty",
    "qnx": "qnx",
    "unix": "u",
    "debian": "d",
}
_HINGES: Final = {"hinged": True, "not_hinged": False}
# A carrier that is a hash, or a network number (country and network code) where a name belongs.
_HASHED_CARRIER_LENGTH: Final = 16
_NETWORK_NUMBER: Final = re.compile(r"\d{5,6}", re.ASCII)
_WHOLE_VERSION: Final = re.compile(r"\d+", re.ASCII)
_LANGUAGE_END: Final = re.compile(r"[-_.@]")
_URL_START: Final = re.compile(r"^https?://(?:www\.)?", re.IGNORECASE)
_UTM_TAG: Final = re.compile(r"(?<=[?&])utm_[^&#]*(?:&|(?=#)|$)", re.IGNORECASE)
_HIGHEST_DENSITY: Final = 1e6
DIRECT: Final = "Direct"


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


_NOTHING: Final = DeviceFacts()


def read_metrics(value: JsonValue, notes: Notes) -> dict[str, JsonValue]:
    """Read `metrics` as it is."""
    if is_absent(value):
        return {}
    try:
        return read_object(value)
    except UnreadableError:
        notes.add(Note.METRICS_UNREADABLE)
        return {}


def device_facts(
    metrics: dict[str, JsonValue],
    agent: UserAgent,
    *,
    is_begin: bool,
    orientation: str | None,
    limits: Limits,
    notes: Notes,
) -> DeviceFacts | None:
    """Make device facts of metrics; None where there are none.

    Only at the begin of a session the user agent fills what is missing, and a missing source is the platform itself.
    """
    if not (metrics or orientation or is_begin):
        return None
    facts = _facts_of(metrics, orientation, limits, notes)
    if is_begin:
        if agent is not UNKNOWN_AGENT:
            facts = _filled_from_agent(facts, agent)
        if facts.source is None and facts.platform:
            facts = replace(
                facts, source=facts.platform[: limits.source], source_channel=facts.source_channel or DIRECT
            )
    return None if facts == _NOTHING else facts


def _facts_of(metrics: dict[str, JsonValue], orientation: str | None, limits: Limits, notes: Notes) -> DeviceFacts:
    def text(key: str) -> str | None:
        value = metrics.get(key)
        return _clean_text(value, limits, notes) if value else None

    platform = text("_os")
    if platform is not None:
        platform = platform.replace("[", "").replace("]", "") or None
    kind = platform.lower() if platform else ""
    device = text("_device")
    device_type = text("_device_type")
    locale, language = _read_locale(metrics.get("_locale"), limits, notes)
    return DeviceFacts(
        platform=platform,
        platform_version=_without_code(text("_os_version"), kind),
        device=device,
        device_type=device_type.lower() if device_type else _derived_type(kind, device),
        manufacturer="Apple" if kind in _APPLE else text("_manufacturer"),
        carrier=_clean_carrier(text("_carrier")),
        resolution=text("_resolution"),
        density=_clean_density(text("_density")),
        locale=locale,
        language=language,
        app_version=_clean_version(text("_app_version")),
        source=_clean_source(text("_store"), limits),
        source_channel=text("_source_channel"),
        browser=text("_browser"),
        browser_version=text("_browser_version"),
        has_hinge=_read_hinge(metrics.get("_has_hinge")),
        orientation=orientation,
    )


def _clean_text(value: JsonValue, limits: Limits, notes: Notes) -> str | None:
    if isinstance(value, list | dict):
        notes.add(Note.METRIC_UNUSABLE)
        return None
    text = as_text(value).lstrip("$").strip()
    if len(text) > limits.metric:
        notes.add(Note.METRIC_CUT)
        text = text[: limits.metric]
    return text or None


def _without_code(version: str | None, kind: str) -> str | None:
    code = _VERSION_CODES.get(kind)
    if version is None or code is None or not version.startswith(code) or not version[len(code) :][:1].isdigit():
        return version
    return version[len(code) :]


def _derived_type(kind: str, device: str | None) -> str | None:
    model = device.lower() if device else ""
    for start, device_type in _TYPE_OF_MODEL:
        if model.startswith(start):
            return device_type
    return _TYPE_OF_PLATFORM.get(kind)


def _clean_carrier(carrier: str | None) -> str | None:
    """Give a carrier's name in Countly's capitals (`lmt gsm` is `Lmt Gsm`), unless it is none."""
    if carrier is None or _NETWORK_NUMBER.fullmatch(carrier) or not any(map(str.isalnum, carrier)):
        return None
    if len(carrier) == _HASHED_CARRIER_LENGTH and " " not in carrier:
        return None
    return " ".join([word.capitalize() for word in carrier.split()])


def _clean_density(density: str | None) -> str | None:
    number = as_number(density)
    return density if number is None or abs(number) > _HIGHEST_DENSITY else f"{number:.2f}"


def _clean_version(version: str | None) -> str | None:
    return f"{version}.0" if version and _WHOLE_VERSION.fullmatch(version) else version


def _read_locale(value: JsonValue, limits: Limits, notes: Notes) -> tuple[str | None, str | None]:
    if isinstance(value, list):  # Python's `locale.getlocale()`: name and encoding
        value = value[0] if value else None
    locale = _clean_text(value, limits, notes) if value else None
    locale = locale.rstrip("-_.@") if locale else None
    return (locale, _LANGUAGE_END.split(locale, maxsplit=1)[0].lower() or None) if locale else (None, None)


def _clean_source(source: str | None, limits: Limits) -> str | None:
    """Give an install source as it is, a web referrer without scheme, `www.` and utm tags."""
    if source is None:
        return None
    if _URL_START.match(source):
        source = _UTM_TAG.sub("", _URL_START.sub("", source)).rstrip("?&").removesuffix("/")
    return source[: limits.source] or None


def _read_hinge(value: JsonValue) -> bool | None:
    if isinstance(value, str) and value in _HINGES:
        return _HINGES[value]
    return as_boolean(value)


def _filled_from_agent(facts: DeviceFacts, agent: UserAgent) -> DeviceFacts:
    """Fill what is missing. A version belongs to its own platform or browser, or to nothing."""
    same_platform = facts.platform is None or facts.platform.lower() == agent.os.lower()
    same_browser = facts.browser is None or facts.browser.lower() == agent.browser.lower()
    platform = facts.platform or agent.os or None
    made_by_apple = platform is not None and platform.lower() in _APPLE
    return replace(
        facts,
        platform=platform,
        manufacturer=facts.manufacturer or ("Apple" if made_by_apple else None),
        platform_version=facts.platform_version or (agent.os_version or None if same_platform else None),
        browser=facts.browser or agent.browser or None,
        browser_version=facts.browser_version or (agent.browser_version or None if same_browser else None),
        device=facts.device or agent.device or None,
        device_type=facts.device_type or agent.device_type or "desktop",
    )
