"""Typed readers of environment variables; each refuses a bad value with a message that names the variable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})


def text(name: str, default: str = "", *, environ: Mapping[str, str] = os.environ) -> str:
    """Return the variable as it stands; an empty one counts as not given."""
    return environ.get(name, "").strip() or default


def words(name: str, default: str = "", *, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return a comma-separated variable as a list without empty entries."""
    return [word.strip() for word in text(name, default, environ=environ).split(",") if word.strip()]


def flag(name: str, *, default: bool, environ: Mapping[str, str] = os.environ) -> bool:
    """Return a yes/no variable."""
    value = text(name, environ=environ).lower()
    if not value:
        return default
    if value in TRUE_WORDS:
        return True
    if value in FALSE_WORDS:
        return False
    msg = f"{name} must be one of 1/0, true/false, yes/no, on/off, not {value!r}."
    raise ImproperlyConfigured(msg)


def number(
    name: str,
    default: int,
    *,
    minimum: int = 0,
    maximum: int | None = None,
    environ: Mapping[str, str] = os.environ,
) -> int:
    """Return a whole number within its bounds."""
    value = text(name, environ=environ)
    if not value:
        return default
    try:
        result = int(value)
    except ValueError:
        msg = f"{name} must be a whole number, not {value!r}."
        raise ImproperlyConfigured(msg) from None
    if result < minimum or (maximum is not None and result > maximum):
        bounds = f"at least {minimum}" if maximum is None else f"between {minimum} and {maximum}"
        msg = f"{name} must be {bounds}, not {result}."
        raise ImproperlyConfigured(msg)
    return result


def directory(name: str, default: Path, *, environ: Mapping[str, str] = os.environ) -> Path:
    """Return an absolute directory path; a relative one counts from the working directory."""
    value = text(name, environ=environ)
    return Path(value).expanduser().absolute() if value else default.absolute()


def database(name: str, url: str) -> dict[str, object]:
    """Turn a PostgreSQL URL into Django's connection settings.

    The host may be a directory that holds a socket, given as `?host=/run/postgresql`; other
    query parameters are handed to libpq as they are.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        msg = f"{name} must begin with postgresql://, it begins with {parts.scheme or 'nothing'}://."
        raise ImproperlyConfigured(msg)
    database_name = unquote(parts.path.removeprefix("/"))
    if not database_name:
        msg = f"{name} must name a database, as in postgresql://user:password@host:5432/countly."
        raise ImproperlyConfigured(msg)
    try:
        port = parts.port
    except ValueError:
        msg = f"{name} has a port that is not a number."
        raise ImproperlyConfigured(msg) from None
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database_name,
        "USER": unquote(parts.username or options.pop("user", "")),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": options.pop("port", "") or str(port or ""),
        "OPTIONS": options,
    }


def redis_url(name: str, url: str) -> str:
    """Check a Redis or Valkey URL and return it in redis-py's spelling (unix:// for a socket)."""
    parts = urlsplit(url)
    if parts.scheme == "redis+socket":
        return url.replace("redis+socket://", "unix://", 1)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        msg = f"{name} must begin with redis://, rediss:// or unix://, it begins with {parts.scheme or 'nothing'}://."
        raise ImproperlyConfigured(msg)
    return url


def celery_broker_url(url: str) -> str:
    """Return a redis-py URL in Celery's spelling."""
    return url.replace("unix://", "redis+socket://", 1)
