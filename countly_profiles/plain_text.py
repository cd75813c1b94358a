"""Keeps out what no page takes: the character NUL, which PostgreSQL has no text for. SDKs are answered before."""

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase

_NUL = "\0"
_INSTEAD = "\N{REPLACEMENT CHARACTER}"


def middleware(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Let a mistyped address lead to its page without the NUL; answer 400 to a form that holds one."""

    def checked(request: HttpRequest) -> HttpResponseBase:
        if any(_NUL in text for name, texts in request.GET.lists() for text in (name, *texts)):
            plain = request.GET.copy()
            plain.clear()
            for name, texts in request.GET.lists():
                plain.setlist(name.replace(_NUL, _INSTEAD), [text.replace(_NUL, _INSTEAD) for text in texts])
            request.GET = plain  # type: ignore[assignment]  # Django lets it be set, its types do not
        if request.method == "POST" and any(
            _NUL in text for name, texts in request.POST.lists() for text in (name, *texts)
        ):
            raise BadRequest("NUL")
        return get_response(request)

    return checked
