"""Addresses of messages, below /apps/<public id>/."""

from django.urls import path

from profiles.access.permissions import Role, app_view
from profiles.messages import views

app_name = "messages"

urlpatterns = [
    path("messages/", app_view(views.message_list), name="list"),
    path("messages/new/", app_view(views.new, role=Role.ANALYST), name="new"),
    path("messages/preview/", app_view(views.preview, role=Role.ANALYST), name="preview"),
    path("messages/ladder/", app_view(views.ladder, role=Role.ANALYST), name="ladder"),
    path("messages/<message_id>/", app_view(views.message), name="message"),
    path("messages/<message_id>/edit/", app_view(views.edit, role=Role.ANALYST), name="edit"),
    path("messages/<message_id>/act/", app_view(views.act, role=Role.ANALYST), name="act"),
    path("settings/push/", app_view(views.settings, role=Role.ADMIN), name="settings"),
]
