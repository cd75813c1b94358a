"""Numbered checks of deployments that would work and be unsafe, each with a way out: `manage.py check --deploy`."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning as Caution, register

from countly_profiles import services
from ingest.geography import fault_of

_MAX_MODE = 0o077  # nobody but the owner


@register(Tags.security, deploy=True)
def check_deployment(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Return what is unsafe about the settings."""
    found: list[CheckMessage] = []
    if settings.IS_SECRET_KEY_TEMPORARY:
        found.append(
            Error(
                "There is no SECRET_KEY: every start makes another one.",
                hint="Set SECRET_KEY, or run with the DATA_DIR of `make run`, which keeps one.",
                id="countly_profiles.E001",
            )
        )
    if "*" in settings.ALLOWED_HOSTS:
        found.append(
            Caution(
                "ALLOWED_HOSTS takes every name, so links in invitations can be made to lead elsewhere.",
                hint="Name the hosts under which people reach this server.",
                id="countly_profiles.W002",
            )
        )
    if settings.IS_BEHIND_PROXY and settings.PROXIES < 1:
        found.append(
            Error(
                "BEHIND_PROXY is set and PROXIES is 0: any client could say where it comes from.",
                hint="Set PROXIES to how many proxies of yours stand before this server.",
                id="countly_profiles.E003",
            )
        )
    if settings.REQUESTS_PER_SECOND_PER_ADDRESS and not settings.IS_BEHIND_PROXY and settings.IS_HTTPS:
        found.append(
            Caution(
                "REQUESTS_PER_SECOND_PER_ADDRESS is set, HTTPS too, and BEHIND_PROXY is not: if a proxy speaks HTTPS "
                "for this server, all devices share its address, and its limit.",
                hint="Set BEHIND_PROXY=1.",
                id="countly_profiles.W004",
            )
        )
    if settings.OIDC_SERVER_URL and not settings.OIDC_SERVER_URL.startswith("https://"):
        found.append(
            Error(
                "OIDC_SERVER_URL is not https: whoever is on the way could sign in as anybody.",
                hint="Give the provider's https address.",
                id="countly_profiles.E005",
            )
        )
    kept = settings.DATA_DIR / services.SECRET_KEY_FILE_NAME
    if kept.exists() and kept.stat().st_mode & _MAX_MODE:
        found.append(
            Error(
                f"{kept} can be read by others on this machine.",
                hint=f"chmod 600 {kept}",
                id="countly_profiles.E006",
            )
        )
    return found


@register(Tags.files)
def check_places(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Return what is wrong with the database of places, if one is named."""
    fault = fault_of(settings.GEOIP_PATH) if settings.GEOIP_PATH else ""
    if not fault:
        return []
    return [
        Caution(
            f"GEOIP_PATH cannot be used, so users get countries and no cities: {fault}",
            hint="Name a file in MaxMind's format that the server's user can read.",
            id="countly_profiles.W007",
        )
    ]
