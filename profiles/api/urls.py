"""Addresses of the API: Countly's, with or without a closing slash."""

from django.urls import path, re_path

from profiles.api import views
from profiles.api.door import door, door_by_method
from profiles.api.endpoints import BY_METHOD, BY_PATH

app_name = "api"

_IN_PATH = "<in_path>"


def _pattern(address: str) -> str:
    return rf"^{address.strip('/').replace(_IN_PATH, r'(?P<in_path>[^/]+)')}/?$"


urlpatterns = [
    path("o/docs", views.docs, name="docs"),
    path("o/docs/openapi.json", views.description, name="description"),
    re_path(r"^o/?$", door_by_method(BY_METHOD)),
    *(re_path(_pattern(address), door(endpoint)) for address, endpoint in BY_PATH.items()),
]
