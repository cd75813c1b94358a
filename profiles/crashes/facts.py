"""What crash reports say of the device and of themselves: of one occurrence, and over many. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from profiles.wording import duration, grouped

SHOWN_VALUES: Final = 5
SHOWN_CUSTOM: Final = 6
_LONGEST_VALUE: Final = 200
_STEP: Final = 25  # per cent
_GIGA: Final = 1024  # SDKs report megabytes

Report = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and what is known; nothing known is the empty text."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Share:
    """A value and in how many of the occurrences it was seen."""

    value: str
    count: int
    fraction: float


@dataclass(frozen=True, slots=True)
class Distribution:
    """How one fact is spread over occurrences: the most frequent values, and how many there are beside."""

    label: str
    shares: tuple[Share, ...]
    others: int
    """Occurrences with a value that is not listed."""
    known: int
    """Occurrences that say anything at all."""


def number_of(value: Any) -> float | None:
    """Read a number as SDKs send it: number or text."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if abs(number) < 1e15 else None


def _boolean(value: Any) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower())


def _yes_or_no(value: Any) -> str:
    return {True: "Yes", False: "No", None: ""}[_boolean(value)]


def _percent(value: Any) -> str:
    number = number_of(value)
    return "" if number is None else f"{number:.0f}%"


def _megabytes(value: float) -> str:
    return f"{value / _GIGA:.1f} GB" if value >= _GIGA else f"{value:.0f} MB"


def _amount(report: Report, name: str) -> str:
    current, total = number_of(report.get(f"{name}_current")), number_of(report.get(f"{name}_total"))
    if total and current is not None:
        return f"{_megabytes(current)} of {_megabytes(total)} ({current / total:.0%})"
    known = total if total is not None else current
    return "" if known is None else _megabytes(known)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _platform(report: Report) -> str:
    return " ".join(_text(report[name]) for name in ("os", "os_version") if report.get(name))


def _device(report: Report) -> str:
    return " ".join(_text(report[name]) for name in ("manufacturer", "device") if report.get(name))


def facts_of(report: Report) -> list[Fact]:
    """List what one report says of device, app and circumstances."""
    ran = number_of(report.get("running_seconds"))
    facts = [
        Fact("App version", _text(report.get("app_version"))),
        Fact("Build", _text(report.get("app_build"))),
        Fact("Platform", _platform(report)),
        Fact("Device", _device(report)),
        Fact("Browser", _text(report.get("browser"))),
        Fact("View", _text(report.get("view"))),
        Fact("Running for", "" if ran is None else duration(ran)),
        Fact("Online", _yes_or_no(report.get("is_online"))),
        Fact("In background", _yes_or_no(report.get("in_background"))),
        Fact("Battery", _percent(battery_of(report))),
        Fact("RAM in use", _amount(report, "ram")),
        Fact("Disk in use", _amount(report, "disk")),
        Fact("Orientation", _text(report.get("orientation"))),
        Fact("Resolution", _text(report.get("resolution"))),
        Fact("Rooted or jailbroken", _yes_or_no(report.get("is_rooted"))),
        Fact("Muted", _yes_or_no(report.get("is_muted"))),
        Fact("Architecture", _text(report.get("architecture") or report.get("cpu"))),
        Fact("OpenGL", _text(report.get("opengl"))),
    ]
    return [fact for fact in facts if fact.text]


def battery_of(report: Report) -> float | None:
    """Return the battery's level in per cent, however the SDK puts it."""
    level = number_of(report.get("battery"))
    if level is not None:
        return level
    current, total = number_of(report.get("battery_current")), number_of(report.get("battery_total"))
    return 100 * current / total if total and current is not None else None


def custom_of(report: Report) -> list[Fact]:
    """List the custom segmentation of one report."""
    custom = report.get("custom")
    return [Fact(str(name), _text(value)) for name, value in custom.items()] if isinstance(custom, dict) else []


def _range_of(fraction: float | None) -> str:
    if fraction is None:
        return ""
    start = min(100 - _STEP, max(0, int(100 * fraction // _STEP) * _STEP))
    return f"{start}–{start + _STEP}%"


def _used(name: str) -> Callable[[Report], str]:
    def read(report: Report) -> str:
        current, total = number_of(report.get(f"{name}_current")), number_of(report.get(f"{name}_total"))
        return _range_of(current / total) if total and current is not None else ""

    return read


def _battery_range(report: Report) -> str:
    level = battery_of(report)
    return _range_of(None if level is None else level / 100)


_COUNTED: Final[tuple[tuple[str, Callable[[Report], str]], ...]] = (
    ("App version", lambda report: _text(report.get("app_version"))),
    ("Platform", _platform),
    ("Device", _device),
    ("Browser", lambda report: _text(report.get("browser"))),
    ("Online", lambda report: _yes_or_no(report.get("is_online"))),
    ("In background", lambda report: _yes_or_no(report.get("in_background"))),
    ("RAM in use", _used("ram")),
    ("Disk in use", _used("disk")),
    ("Battery", _battery_range),
    ("Orientation", lambda report: _text(report.get("orientation")).capitalize()),
    ("Rooted or jailbroken", lambda report: _yes_or_no(report.get("is_rooted"))),
)
_IN_ORDER: Final = frozenset({"RAM in use", "Disk in use", "Battery"})


def distributions(reports: Sequence[Report]) -> list[Distribution]:
    """Count each fact over the reports; facts of which none says anything are left out."""
    found = []
    for label, read in _COUNTED:
        counts = Counter(read(report)[:_LONGEST_VALUE] for report in reports)
        found.append(_distribution(label, counts))
    return [distribution for distribution in found if distribution.known]


def custom_distributions(customs: Iterable[Mapping[str, Any]]) -> list[Distribution]:
    """Count the values of the custom keys that stand in the most reports."""
    counts: dict[str, Counter[str]] = {}
    for custom in customs:
        for name, value in custom.items():
            counts.setdefault(name, Counter())[_text(value)[:_LONGEST_VALUE]] += 1
    by_use = sorted(counts, key=lambda name: (-counts[name].total(), name))
    return [_distribution(name, counts[name]) for name in by_use[:SHOWN_CUSTOM]]


def _distribution(label: str, counts: Counter[str]) -> Distribution:
    counts.pop("", None)
    known = counts.total()
    if label in _IN_ORDER:
        listed = sorted(counts.items(), key=lambda item: int(item[0].partition("–")[0]))
    else:
        listed = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:SHOWN_VALUES]
    shares = tuple(Share(value, count, count / known) for value, count in listed)
    return Distribution(label, shares, known - sum(share.count for share in shares), known)


def count_text(number: int) -> str:
    """Say how often: once, twice, 3 times."""
    return {1: "once", 2: "twice"}.get(number, f"{grouped(number)} times")
