"""Uploaded pictures, for those who may see the app."""

from django.http import Http404, HttpRequest, HttpResponse

from profiles import pictures
from profiles.access.models import App

_SECONDS_CACHED = 86_400  # a picture's name changes with its pixels


def picture(request: HttpRequest, app: App, name: str) -> HttpResponse:
    """Serve a user's picture, as an image whatever a browser might think of it."""
    content = pictures.load(app.public_id, name)
    if content is None:
        raise Http404
    return HttpResponse(
        content,
        content_type="image/jpeg",
        headers={
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": f"private, max-age={_SECONDS_CACHED}, immutable",
            "Content-Disposition": "inline; filename=picture.jpg",
        },
    )
