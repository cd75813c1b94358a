"""Where a request came from, as far as that can be believed. Pages, the API and both doors of the SDKs ask here."""

import ipaddress
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest

_ADDRESSES_REMEMBERED = 4096  # a device sends many requests, a proxy all of them


def believed_address(connected: str, *, forwarded: str, real_ip: str) -> str:
    """Return the client's IP address; empty where there is none, as on a Unix socket without a proxy.

    Each proxy of ours appends the address that it was asked from to X-Forwarded-For, so the entry that our outermost
    proxy wrote is believed, counted from the right, and nothing that the client put before it. Without a proxy of ours
    the headers are a stranger's and are not read.
    """
    told = ""
    if settings.IS_BEHIND_PROXY and settings.PROXIES > 0:
        entries = [entry.strip() for entry in forwarded.split(",")]
        told = entries[-min(settings.PROXIES, len(entries))] or real_ip.strip()
    return _first_address(told, connected)


def client_address(request: HttpRequest) -> str:
    """Return the IP address of who asks; see `believed_address`."""
    said = request.META.get
    return believed_address(
        said("REMOTE_ADDR", ""), forwarded=said("HTTP_X_FORWARDED_FOR", ""), real_ip=said("HTTP_X_REAL_IP", "")
    )


def axes_address(request: HttpRequest) -> str | None:
    """Return the address for django-axes, which wants None where there is none."""
    return client_address(request) or None


@lru_cache(_ADDRESSES_REMEMBERED)
def _first_address(told: str, connected: str) -> str:
    """Return the first of the two that is an IP address, with or without a port, or nothing."""
    for candidate in (told, told.rpartition(":")[0].strip("[]"), connected):
        try:
            return str(ipaddress.ip_address(candidate))
        except ValueError:
            continue
    return ""
