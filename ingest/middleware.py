"""Answers what SDKs ask before anything that only people's pages need: sessions, CSRF, cookies, allowed hosts.

Phones reach a server under whatever name its operator ever gave it, so no Host is refused here.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from ingest.urls import sdk_addresses

_Answer = Callable[[HttpRequest], HttpResponse]


def answer_sdks(get_response: _Answer) -> _Answer:
    """Make the first middleware: an SDK's address goes straight to its view."""

    def answer(request: HttpRequest) -> HttpResponse:
        for entry in sdk_addresses:
            if match := entry.resolve(request.path_info[1:]):
                door: _Answer = match.func
                return door(request)
        return get_response(request)

    return answer
