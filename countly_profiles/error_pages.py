"""The page of what broke: the database away or out of time is said as such, since trying again helps then."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.defaults import server_error

SECONDS_UNTIL_RETRY = 5


def broken(request: HttpRequest) -> HttpResponse:
    """Answer 503 where the database was not there, else 500. Django's handler500; asks no database."""
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return HttpResponse(
            render_to_string("503.html"),
            status=503,
            headers={"Retry-After": str(SECONDS_UNTIL_RETRY), "Cache-Control": "no-store"},
        )
    return server_error(request)
