"""All addresses of the product. Subjects bring their own lists; this file only places them."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.urls import URLPattern, URLResolver, include, path

from countly_profiles import frame, health
from ingest import pages as inbox_pages
from profiles.access.permissions import app_view, superuser_view
from profiles.access.views.sign_in import to_sign_in
from profiles.crashes.views import symbolicating
from profiles.privacy import views as privacy_views

handler500 = "countly_profiles.error_pages.broken"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("profiles.api.urls")),  # before the SDKs' addresses, which refuse what they do not know
    path("", include("ingest.urls")),
    path("__heartbeat__", health.heartbeat),
    path("__lbheartbeat__", health.load_balancer_heartbeat),
    path("__version__", health.version),
    path("metrics", health.metrics),
    path("admin/login/", to_sign_in),
    path("admin/", admin.site.urls),
    path("", include("profiles.access.urls")),
    path("crash-symbols/", symbolicating.upload_symbols, name="upload_symbols"),
    path("inbox/", superuser_view(inbox_pages.show), name="inbox"),
    path("inbox/apply-again/", superuser_view(inbox_pages.apply_again), name="apply_again"),
    path("erasures/", login_required(privacy_views.app_erasures), name="app_erasures"),
    path("apps/<public_id>/freshness/", app_view(frame.freshness), name="freshness"),
    path("apps/<public_id>/", include("profiles.users.urls")),
    path("apps/<public_id>/", include("profiles.directory.urls")),
    path("apps/<public_id>/", include("profiles.crashes.urls")),
    path("apps/<public_id>/", include("profiles.engagement.urls")),
    path("apps/<public_id>/", include("profiles.funnels.urls")),
    path("apps/<public_id>/", include("profiles.messages.urls")),
    path("apps/<public_id>/", include("profiles.privacy.urls")),
    path("apps/<public_id>/", include("profiles.profile.urls")),
]
