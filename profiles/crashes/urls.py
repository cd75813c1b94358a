"""Addresses of the crash pages, below /apps/<public id>/."""

from django.urls import path

from profiles.access.models import Membership
from profiles.access.permissions import app_view
from profiles.crashes.views import alerting, handling, pages, symbolicating

ADMIN, ANALYST = Membership.Role.ADMIN, Membership.Role.ANALYST

app_name = "crashes"

urlpatterns = [
    path("crashes/", app_view(pages.groups), name="list"),
    path("crashes/alerts/", app_view(alerting.channels, role=ADMIN), name="alerts"),
    path("crashes/alerts/<int:channel_id>/", app_view(alerting.change_channel, role=ADMIN), name="change_channel"),
    path("crashes/symbols/", app_view(symbolicating.symbols), name="symbols"),
    path(
        "crashes/symbols/<int:file_id>/delete/",
        app_view(symbolicating.delete_symbols, role=ANALYST),
        name="delete_symbols",
    ),
    path("crashes/<group_id>/", app_view(pages.group), name="group"),
    path("crashes/<group_id>/state/", app_view(handling.change_state, role=ANALYST), name="state"),
    path("crashes/<group_id>/merge/", app_view(handling.merge, role=ANALYST), name="merge"),
    path("crashes/<group_id>/split/", app_view(handling.split, role=ANALYST), name="split"),
    path("crashes/<group_id>/comments/", app_view(handling.comment, role=ANALYST), name="comment"),
    path(
        "crashes/<group_id>/comments/<int:comment_id>/",
        app_view(handling.change_comment, role=ANALYST),
        name="change_comment",
    ),
]
