"""Where a request came from, as far as that can be believed."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """Return the IP address of who asks; empty where there is none, as on a Unix socket without a proxy.

    Each proxy of ours appends the address that it was asked from to X-Forwarded-For, so the entry that our outermost
    proxy wrote is believed, counted from the right, and nothing that the client put before it. Without a proxy of ours
    the header is a stranger's and is not read.
    """
    told = ""
    if settings.IS_BEHIND_PROXY:
        forwarded = [part.strip() for part in request.headers.get("x-forwarded-for", "").split(",")]
        told = forwarded[-min(settings.PROXIES, len(forwarded))] or request.headers.get("x-real-ip", "").strip()
    for candidate in (told, told.rpartition(":")[0].strip("[]"), request.META.get("REMOTE_ADDR", "")):
        try:
            return str(ipaddress.ip_address(candidate))
        except ValueError:
            continue
    return ""


def axes_address(request: HttpRequest) -> str | None:
    """Return the address for django-axes, which wants None where there is none."""
    return client_address(request) or None
