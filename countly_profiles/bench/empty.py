"""The ceiling: a Django project with one view that does nothing, for the same gunicorn."""

from __future__ import annotations

import sys

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

ANSWER = b'{"result":"Success"}'


@csrf_exempt
def empty(_request: HttpRequest) -> HttpResponse:
    """Answer, and do nothing else."""
    return HttpResponse(ANSWER, content_type="application/json")


urlpatterns = [path("i", empty)]

if not settings.configured:  # in gunicorn; the product's own settings stand where this module is only looked at
    settings.configure(ROOT_URLCONF=sys.modules[__name__], ALLOWED_HOSTS=["*"], SECRET_KEY="-")  # noqa: S106 - signs nothing
    application = get_wsgi_application()
