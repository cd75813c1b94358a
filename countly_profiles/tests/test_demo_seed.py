"""The seed of the demo: by the command line or the environment, a number, and the same people each time."""

from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from countly_profiles.management.commands import up
from countly_profiles.supervisor import options
from ingest.demo.story import Plan, story_of


@pytest.mark.parametrize(("said", "seed"), [("7", "7"), ("0", "0"), ("", "")])
def test_the_environment_says_it(tmp_path: Path, said: str, seed: str) -> None:
    assert options.read(tmp_path, {"DEMO_SEED": said}).demo_seed == seed


def test_the_environment_is_refused_clearly(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="DEMO_SEED must be a whole number, not 'coffee'"):
        options.read(tmp_path, {"DEMO_SEED": "coffee"})


@pytest.mark.parametrize(("arguments", "seed"), [(["--seed", "7"], "7"), (["--seed", "0"], "0"), ([], "3")])
def test_the_command_line_comes_first(monkeypatch: pytest.MonkeyPatch, arguments: list[str], seed: str) -> None:
    monkeypatch.setenv("DEMO_SEED", "3")
    with mock.patch.object(up, "Launch") as launch:
        call_command("up", *arguments)
    assert launch.call_args.args[0].demo_seed == seed


@pytest.mark.parametrize("word", ["coffee", "-1", "1.5", "٣", ""])
def test_the_command_line_is_refused_clearly(word: str) -> None:
    with pytest.raises(CommandError, match="--seed: must be a whole number"):
        call_command("up", "--seed", word)


def test_the_same_seed_makes_the_same_people() -> None:
    now = datetime(2026, 3, 10, 12, tzinfo=UTC)
    first, again, other = (list(story_of(Plan("KEY", seed, now, 5, ""), 1)) for seed in ("7", "7", "8"))
    assert first
    assert first == again != other
