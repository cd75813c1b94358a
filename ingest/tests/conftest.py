"""`--rules`: which test holds which rule of the wire."""

import pytest
from _pytest.config import create_terminal_writer

from ingest.tests.rules import RULES, rule_holders


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
    return 0
