"""Crash groups in Django's admin: for looking, and for putting a state right."""

from django.contrib import admin
from django.http import HttpRequest

from profiles.crashes.models import CrashGroup


@admin.register(CrashGroup)
class CrashGroupAdmin(admin.ModelAdmin[CrashGroup]):
    """Totals and fingerprints are ingest's; only the state and the version it was resolved in are a person's."""

    list_display = ["title", "culprit", "app", "platform", "is_fatal", "state", "occurrences_count", "merged_into"]
    list_filter = ["app", "state", "is_fatal"]
    list_select_related = ["app", "merged_into"]
    search_fields = ["title", "culprit", "public_id"]
    show_full_result_count = False
    readonly_fields = [
        "app",
        "merged_into",
        "title",
        "culprit",
        "platform",
        "is_fatal",
        "latest_version",
        "occurrences_count",
        "users_count",
        "first_seen_at",
        "last_seen_at",
        "public_id",
        "fingerprint",
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Groups are made by crashes."""
        return False
