"""Addresses of the funnel pages, below /apps/<public id>/."""

from django.urls import path

from profiles.access.models import Membership
from profiles.access.permissions import app_view
from profiles.funnels import views

app_name = "funnels"

ANALYST = Membership.Role.ANALYST

urlpatterns = [
    path("funnels/", app_view(views.funnels), name="list"),
    path("funnels/new/", app_view(views.create, role=ANALYST), name="create"),
    path("funnels/<funnel_id>/", app_view(views.funnel), name="funnel"),
    path("funnels/<funnel_id>/edit/", app_view(views.edit, role=ANALYST), name="edit"),
    path("funnels/<funnel_id>/duplicate/", app_view(views.duplicate, role=ANALYST), name="duplicate"),
    path("funnels/<funnel_id>/move/", app_view(views.move, role=ANALYST), name="move"),
    path("funnels/<funnel_id>/delete/", app_view(views.delete, role=ANALYST), name="delete"),
]
