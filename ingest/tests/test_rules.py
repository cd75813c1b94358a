"""Every rule of the wire has a test, and every test that names a rule names one that exists."""

from ingest.tests.rules import RULES, rule_holders
from ingest.tests.traps import DECISIONS, EDGES


def test_every_rule_is_held_by_a_test() -> None:
    assert set(RULES) - set(rule_holders()) == set()


def test_no_test_names_an_unknown_rule() -> None:
    assert set(rule_holders()) - set(RULES) == set()


def test_every_edge_and_every_decision_is_a_rule() -> None:
    assert list(EDGES) == list(range(1, 59))
    held = [slug for slugs in (*EDGES.values(), *DECISIONS.values()) for slug in slugs]
    assert set(held) - set(RULES) == set()
