"""Each unsafe deployment is told by its number, and a safe one is not complained about."""

from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from countly_profiles.checks import check_deployment
from countly_profiles.services import SECRET_KEY_FILE_NAME


@pytest.fixture(autouse=True)
def safe(settings: Settings, tmp_path: Path) -> None:
    settings.IS_SECRET_KEY_TEMPORARY = False
    settings.ALLOWED_HOSTS = ["profiles.example.com"]
    settings.DATA_DIR = tmp_path
    key = tmp_path / SECRET_KEY_FILE_NAME
    key.write_text("k")
    key.chmod(0o600)


def test_a_safe_deployment_is_not_complained_about() -> None:
    assert check_deployment(None) == []


@pytest.mark.parametrize(
    ("number", "changes"),
    [
        ("E001", {"IS_SECRET_KEY_TEMPORARY": True}),
        ("W002", {"ALLOWED_HOSTS": ["*"]}),
        ("E003", {"IS_BEHIND_PROXY": True, "PROXIES": 0}),
        ("W004", {"REQUESTS_PER_SECOND_PER_ADDRESS": 5, "IS_HTTPS": True, "IS_BEHIND_PROXY": False}),
        ("E005", {"OIDC_SERVER_URL": "http://idp.example.com"}),
    ],
)
def test_an_unsafe_one_is_told_by_its_number(settings: Settings, number: str, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        setattr(settings, name, value)
    assert [found.id for found in check_deployment(None)] == [f"countly_profiles.{number}"]


def test_a_key_that_others_can_read(settings: Settings) -> None:
    (settings.DATA_DIR / SECRET_KEY_FILE_NAME).chmod(0o644)
    assert [found.id for found in check_deployment(None)] == ["countly_profiles.E006"]
