"""Addresses of the profile page, below /apps/<public id>/."""

from django.urls import path

from profiles.access.permissions import Role, app_view
from profiles.profile import views

app_name = "profile"

urlpatterns = [
    path("users/<uid>/", app_view(views.page), name="user"),
    path("users/<uid>/merge/", app_view(views.merge, role=Role.ADMIN), name="merge"),
    path("users/<uid>/stream/", app_view(views.stream), name="stream"),
    path("users/<uid>/notes/", app_view(views.notes), name="notes"),
    path("users/<uid>/notes/write/", app_view(views.write_note, role=Role.ANALYST), name="write_note"),
    path("users/<uid>/notes/<int:note_id>/", app_view(views.change_note, role=Role.ANALYST), name="change_note"),
    path("users/<uid>/news/", app_view(views.news), name="news"),
    path("users/<uid>/<slug:name>/", app_view(views.box), name="box"),
    path("users/<uid>/merges/<merge_id>/undo/", app_view(views.undo_merge, role=Role.ADMIN), name="undo-merge"),
]
