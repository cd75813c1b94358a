"""Refuses what no page takes: the character NUL, which PostgreSQL has no text for. SDKs are answered before."""

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase


def middleware(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Answer 400 where an address or a form holds a NUL, in one place for all pages."""

    def checked(request: HttpRequest) -> HttpResponseBase:
        said = [request.path_info, *(text for pair in request.GET.lists() for text in (pair[0], *pair[1]))]
        if request.method == "POST":
            said += [text for name, texts in request.POST.lists() for text in (name, *texts)]
        if any("\0" in text for text in said):
            raise BadRequest("NUL")
        return get_response(request)

    return checked
