"""`--rules`: which test holds which rule of the wire."""

import pytest
from _pytest.config import create_terminal_writer

from ingest.tests.rules import RULES, rule_holders
from ingest.tests.traps import DECISIONS, EDGES


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--rules`."""
    parser.addoption("--rules", action="store_true", help="print the rules of the wire and their tests, and stop")


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Print the rules where that is asked for."""
    if not config.getoption("--rules"):
        return None
    tests = rule_holders()
    reporter = create_terminal_writer(config)
    for slug, words in RULES.items():
        reporter.line(f"{slug}: {words}")
        for test in tests.get(slug, ["(no test)"]):
            reporter.line(f"    {test}")
    for number, slugs in EDGES.items():
        reporter.line(f"edge {number}: {', '.join(slugs)}")
    for topic, slugs in DECISIONS.items():
        reporter.line(f"decision on {topic}: {', '.join(slugs)}")
    return 0
