"""Writes docs/crash-grouping.md from the corpus: `.venv/bin/python -m profiles.crashes.tests.corpus_table`."""

from itertools import groupby
from pathlib import Path

from profiles.crashes.tests.test_fingerprint import GROUPS, Group

PAGE = Path(__file__).parents[3] / "docs" / "crash-grouping.md"
_LONGEST = 90


def table() -> str:
    """Return the page: what was put together, and by which title and culprit it is called."""
    wrong = sum(len({print_.digest for print_ in group.fingerprints()}) != 1 for group in GROUPS)
    digests = {print_.digest for group in GROUPS for print_ in group.fingerprints()}
    reports = sum(len(group.reports) for group in GROUPS)
    lines = [
        "# How crashes are grouped",
        "",
        "Written by `.venv/bin/python -m profiles.crashes.tests.corpus_table` from `profiles/crashes/tests/corpus/`;",
        "a test holds it up to date. Rules: `profiles/crashes/fingerprint.py` and `profiles/crashes/traces/`.",
        "",
        f"{reports} traces that belong to {len(GROUPS)} causes fall into {len(digests)} groups; "
        f"{wrong} causes are torn apart.",
    ]
    for platform, groups in groupby(GROUPS, lambda group: group.platform):
        lines += ["", f"## {platform}", "", "| Cause | Traces | Title | Culprit | Group |", "|---|---|---|---|---|"]
        lines += map(_row, groups)
    return "\n".join(lines) + "\n"


def _row(group: Group) -> str:
    found = group.fingerprints()
    digests = ", ".join(sorted({print_.digest[:8] for print_ in found}))
    cells = (group.name, str(len(found)), _cell(found[0].title), _cell(found[0].culprit), f"`{digests}`")
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    plain = text.replace("|", "\\|").replace("`", "'").replace("<", "&lt;")
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"


if __name__ == "__main__":
    PAGE.write_text(table())
