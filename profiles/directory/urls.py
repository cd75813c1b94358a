"""Addresses of the user list, below /apps/<public id>/. What is no user stands below list/, so that no uid hides it."""

from django.urls import path, re_path

from profiles.access.permissions import Role, app_view
from profiles.directory.views import breaking_down, columns, exports, filtering, indexes, listing, saving

app_name = "directory"

urlpatterns = [
    path("users/", app_view(listing.users), name="users"),
    path("list/", app_view(saving.home), name="home"),
    path("list/columns/", app_view(columns.pick), name="columns"),
    path("list/breakdown/", app_view(breaking_down.breakdown), name="breakdown"),
    path("list/views/", app_view(saving.views), name="views"),
    path("list/views/save/", app_view(saving.save), name="save_view"),
    path("list/views/<int:view_id>/", app_view(saving.change), name="view"),
    path("list/orders/", app_view(indexes.indexes, role=Role.ANALYST), name="indexes"),
    path("list/filter/", app_view(filtering.edit), name="filter"),
    path("list/export/", app_view(exports.export, role=Role.ANALYST), name="export"),
    path("list/export/download/", app_view(exports.download, role=Role.ANALYST), name="download"),
    path("list/export/progress/", app_view(exports.progress, role=Role.ANALYST), name="export_progress"),
    path("users/<uid>/neighbours/", app_view(listing.neighbours), name="neighbours"),
    re_path(r"^users/(?P<uid>[^/]+)/(?P<direction>previous|next)/$", app_view(listing.step), name="step"),
]
