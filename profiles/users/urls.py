"""Addresses of what belongs to users alone."""

from django.urls import path

from profiles.access.permissions import app_view
from profiles.users import views

app_name = "users"
urlpatterns = [path("pictures/<name>", app_view(views.picture), name="picture")]
