from pathlib import Path

import pytest

from countly_profiles import services


def test_what_was_written_is_found(tmp_path: Path) -> None:
    running = services.Services(database_url="postgresql:///countly?host=/tmp/x", redis_url="unix:///tmp/x/valkey.sock")
    services.write(tmp_path, running)
    assert services.read(tmp_path) == running
    services.forget(tmp_path)
    assert services.read(tmp_path) is None


def test_it_says_which_file_is_damaged(tmp_path: Path) -> None:
    (tmp_path / services.FILE_NAME).write_text('{"database_url": 1')
    with pytest.raises(ValueError, match=services.FILE_NAME):
        services.read(tmp_path)


def test_no_secret_key_before_the_first_start(tmp_path: Path) -> None:
    assert services.read_secret_key(tmp_path) == ""
