"""The table of a run. Pure."""

from collections.abc import Sequence

from countly_profiles.faults.rounds import Outcome

_HEAD = (
    "fault",
    "acknowledged",
    "applied",
    "duplicates",
    "lost",
    "doubled",
    "disordered",
    "503/no answer",
    "pages ok/late/503/none",
    "s to work",
    "s to well",
)
_MOST_COMPLAINTS = 10


def table(outcomes: Sequence[Outcome]) -> str:
    """Return outcomes as a table, with what was found wrong below it."""
    rows = [_HEAD, *map(_row, outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [
        "  ".join(_cell(text, width, i) for i, (text, width) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
    return "\n".join([*lines, *complaints(outcomes)])


def complaints(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a line for everything that is wrong."""
    lines = []
    for outcome in outcomes:
        found = list(outcome.findings.complaints)
        if outcome.is_late:
            found.append(
                f"at work after {outcome.seconds_until_at_work:.1f} s, well after {outcome.seconds_until_well:.1f} s, "
                f"not within {outcome.seconds_allowed:.0f}"
            )
        lines += [f"{outcome.fault}: {complaint}" for complaint in found[:_MOST_COMPLAINTS]]
        if len(found) > _MOST_COMPLAINTS:
            lines.append(f"{outcome.fault}: and {len(found) - _MOST_COMPLAINTS} more")
    return lines


def _row(outcome: Outcome) -> tuple[str, ...]:
    found = outcome.findings
    counts = (found.acknowledged, found.applied, found.duplicates, found.lost, found.doubled, found.disordered)
    unanswered = f"{outcome.answers.later}/{outcome.answers.broken}"
    pages = outcome.pages
    read = f"{pages[200]}/{outcome.boxes_late}/{pages[503]}/{pages[0]}"
    seconds = (f"{outcome.seconds_until_at_work:.1f}", f"{outcome.seconds_until_well:.1f}")
    return (outcome.fault, *map(str, counts), unanswered, read, *seconds)


def _cell(text: str, width: int, column: int) -> str:
    return text.rjust(width) if column else text.ljust(width)
