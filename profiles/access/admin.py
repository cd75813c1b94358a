"""Apps, their members and API keys in Django admin."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet, Sum
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone

from profiles.access.models import ApiKey, App, Membership, UidCounter


class MembershipInline(admin.TabularInline[Membership, App]):
    model = Membership
    extra = 0
    autocomplete_fields = ("user",)


@admin.register(App)
class AppAdmin(admin.ModelAdmin[App]):
    """Apps: key, salt, time zone, pause, members. Deleting one is not offered: its big tables would stay behind."""

    list_display = ("name", "public_id", "timezone", "users", "is_paused", "created_at")
    list_filter = ("is_paused",)
    search_fields = ("name", "public_id", "key")
    readonly_fields = ("public_id", "created_at", "is_demo")
    inlines = (MembershipInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[App]:
        return super().get_queryset(request).annotate(users_total=Sum("totals__users"))

    @admin.display(description="users", ordering="users_total")
    def users(self, app: Any) -> int:
        """Return the kept total; nothing is counted."""
        return app.users_total or 0

    def save_model(self, request: HttpRequest, obj: App, form: ModelForm[App], change: bool) -> None:
        super().save_model(request, obj, form, change)
        UidCounter.objects.get_or_create(app=obj)

    def has_delete_permission(self, request: HttpRequest, obj: App | None = None) -> bool:
        return False


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin[Membership]):
    list_display = ("user", "app", "role", "created_at")
    list_filter = ("role", "app")
    autocomplete_fields = ("user", "app")
    list_select_related = ("user", "app")


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin[ApiKey]):
    """Made by `manage.py create_api_key`, which alone can show them; here they are looked up and revoked."""

    list_display = ("prefix", "user", "name", "created_at", "last_used_at", "revoked_at")
    list_select_related = ("user",)
    readonly_fields = ("user", "prefix", "digest", "created_at", "last_used_at", "revoked_at")
    actions = ("revoke",)

    @admin.action(description="Revoke the selected keys")
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        """Revoke keys for good."""
        revoked = keys.filter(revoked_at=None).update(revoked_at=timezone.now())
        self.message_user(request, f"{revoked} revoked.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
