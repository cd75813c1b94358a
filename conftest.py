"""Test run: a throw-away PostgreSQL for those who touch the database, and plain static files."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from django.conf import settings

from countly_profiles import env
from countly_profiles.embedded.throwaway import postgres_for_tests

pytest_plugins = ["profiles.tests.browser"]


def pytest_configure() -> None:
    """Set what differs in tests. Hashed names need `collectstatic`; a cache in memory needs no Valkey."""
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.CACHES["default"] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STATICFILES_DIRS = [path for path in settings.STATICFILES_DIRS if path.is_dir()]
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> Iterator[None]:
    """Start the server for this process when its first test asks for a database, unless DATABASE_URL names one."""
    if os.environ.get("DATABASE_URL"):
        yield
        return
    with postgres_for_tests() as server:
        settings.DATABASES["default"].update(env.database("DATABASE_URL", server.url()))
        yield
