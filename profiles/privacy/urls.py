"""Addresses of deletions, exports of persons and what is kept, below /apps/<public id>/."""

from django.urls import path

from profiles.access.permissions import Role, app_view
from profiles.privacy import views

app_name = "privacy"

urlpatterns = [
    path("users/<uid>/export/", app_view(views.export_person, role=Role.ADMIN), name="export_person"),
    path("users/<uid>/reveal/", app_view(views.reveal), name="reveal"),
    path("list/delete/", app_view(views.delete, role=Role.ADMIN), name="delete"),
    path("list/hide/", app_view(views.hide, role=Role.ANALYST), name="hide"),
    path("settings/hiding/", app_view(views.hiding_rules, role=Role.ADMIN), name="hiding_rules"),
    path("settings/erase/", app_view(views.erase_app, role=Role.ADMIN), name="erase_app"),
    path("settings/privacy/", app_view(views.overview, role=Role.ADMIN), name="overview"),
    path("settings/privacy/<int:erasure_id>/", app_view(views.erasure, role=Role.ADMIN), name="erasure"),
]
