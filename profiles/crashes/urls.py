"""Addresses of the crash pages, below /apps/<public id>/."""

from django.urls import path

from profiles.access.models import Membership
from profiles.access.permissions import app_view
from profiles.crashes import views

app_name = "crashes"

urlpatterns = [
    path("crashes/", app_view(views.groups), name="list"),
    path("crashes/<group_id>/", app_view(views.group), name="group"),
    path(
        "crashes/<group_id>/state/",
        app_view(views.change_state, role=Membership.Role.ANALYST),
        name="state",
    ),
]
