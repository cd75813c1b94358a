"""What a benchmark yields, and the few statistics that it needs. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value, and what it was measured beside."""

    name: str
    value: float | int
    unit: str
    beside: str = ""

    def as_json(self) -> str:
        """Return the figure as one line."""
        return json.dumps(asdict(self) | {"value": _rounded(self.value)}, ensure_ascii=False)


def _rounded(value: float) -> float | int:
    """Keep three significant digits: no more were measured."""
    if not value or not math.isfinite(value):
        return value
    decimals = 2 - math.floor(math.log10(abs(value)))
    return round(value, decimals) if decimals > 0 else round(value)


def median(values: Sequence[float]) -> float:
    """Return the middle value."""
    return percentile(values, 50)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which `percent` of the values lie, by the nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def spread(values: Sequence[float]) -> str:
    """Say between which values the rounds lay."""
    return f"rounds {min(values):.3g} to {max(values):.3g}"
