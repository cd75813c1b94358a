"""Addresses of the user list, below /apps/<public id>/."""

from django.urls import path, re_path

from profiles.access.permissions import app_view
from profiles.directory import views

app_name = "directory"

urlpatterns = [
    path("users/", app_view(views.users), name="users"),
    path("users/<uid>/neighbours/", app_view(views.neighbours), name="neighbours"),
    re_path(r"^users/(?P<uid>[^/]+)/(?P<direction>previous|next)/$", app_view(views.step), name="step"),
]
