"""The page about grouping says what the code does."""

from profiles.crashes.tests.corpus_table import PAGE, table


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == table(), "write it anew: .venv/bin/python -m profiles.crashes.tests.corpus_table"
