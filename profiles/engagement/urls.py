"""Addresses of engagement, below /apps/<public id>/."""

from django.urls import path

from profiles.access.permissions import app_view
from profiles.engagement import views

app_name = "engagement"

urlpatterns = [path("engagement/", app_view(views.distribution), name="distribution")]
