"""The SDKs' addresses, by any prefix that a developer put before them, with or without a closing slash."""

from django.urls import re_path

from ingest import views

# Not our own pages: a person's short id may well be "i".
_ANY_PREFIX = r"^(?:(?!apps/|admin/|static/).+/)?"

sdk_addresses = [
    re_path(_ANY_PREFIX + r"i/?$", views.take_request),
    re_path(_ANY_PREFIX + r"i/bulk/?$", views.take_bulk),
    re_path(_ANY_PREFIX + r"i/feedback/inputs?/?$", views.take_feedback),
    re_path(_ANY_PREFIX + r"(?:o/sdk(?:/content)?|i/sdk)/?$", views.answer_read),
    re_path(_ANY_PREFIX + r"o/(?:feedback|surveys/(?:nps|survey|rating))/widget/?$", views.find_widget),
    re_path(_ANY_PREFIX + r"o/feedback/multiple-widgets-by-id/?$", views.list_widgets),
    re_path(_ANY_PREFIX + r"feedback(?:/(?:nps|survey|rating))?/?$", views.show_widget),
    re_path(_ANY_PREFIX + r"o/ping/?$", views.ping),
]
urlpatterns = [
    *sdk_addresses,
    re_path(r"^[io]/", views.refuse_path),
]
