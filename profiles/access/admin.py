"""Apps, their members and API keys in Django admin."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet, Sum
from django.forms import ModelForm
from django.http import HttpRequest

from profiles.access import api_keys, audit, second_factor
from profiles.access.models import ApiKey, App, Membership, UidCounter
from profiles.access.origin import client_address
from profiles.access.permissions import signed_in


class Audited(admin.ModelAdmin[Any]):
    """Writes what is changed here to the audit log as well, which nobody can tidy up."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> LogEntry:
        _record(request, obj, "added")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> LogEntry:
        _record(request, obj, "changed")
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Model]) -> Any:
        for obj in queryset:
            _record(request, obj, "deleted")
        return super().log_deletions(request, queryset)


def _record(request: HttpRequest, obj: Model, deed: str) -> None:
    subject = f"{obj._meta.verbose_name} {obj.pk}"  # noqa: SLF001 - a documented interface, whatever its name
    detail = {"deed": deed, "named": str(obj)[:100]}
    audit.record(request.user, None, audit.Action.ADMINISTERED, subject, detail, address=client_address(request))


admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(Audited, UserAdmin):  # type: ignore[type-arg]  # two bases, one model
    """Accounts: switched off rather than deleted, and helped out when a phone is lost."""

    actions = ("take_second_factor_away",)

    @admin.action(description="Take the second factor away (a phone was lost)")
    def take_second_factor_away(self, request: HttpRequest, people: QuerySet[User]) -> None:
        """Let people sign in by password alone, and set a second factor up anew."""
        for person in people:
            second_factor.give_up(person, by=signed_in(request), address=client_address(request))
        self.message_user(request, "Done. It stands in the audit log.")


class MembershipInline(admin.TabularInline[Membership, App]):
    model = Membership
    extra = 0
    autocomplete_fields = ("user",)


@admin.register(App)
class AppAdmin(Audited):
    """Apps: key, salt, time zone, pause, members. Deleting one is not offered: its big tables would stay behind."""

    list_display = ("name", "public_id", "timezone", "users", "is_paused", "created_at")
    list_filter = ("is_paused",)
    search_fields = ("name", "public_id", "key")
    readonly_fields = ("public_id", "created_at", "is_demo")
    inlines = (MembershipInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[App]:
        apps: QuerySet[App] = super().get_queryset(request)
        return apps.annotate(users_total=Sum("totals__users"))

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
class MembershipAdmin(Audited):
    list_display = ("user", "app", "role", "created_at")
    list_filter = ("role", "app")
    autocomplete_fields = ("user", "app")
    list_select_related = ("user", "app")


@admin.register(ApiKey)
class ApiKeyAdmin(Audited):
    """Made by `manage.py create_api_key`, which alone can show them; here they are looked up and revoked."""

    list_display = ("prefix", "user", "name", "created_at", "last_used_at", "revoked_at")
    list_select_related = ("user",)
    readonly_fields = ("user", "prefix", "digest", "app", "may_write", "created_at", "last_used_at", "revoked_at")
    show_full_result_count = False
    actions = ("revoke",)

    @admin.action(description="Revoke the selected keys")
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        """Revoke keys for good."""
        for key in keys.filter(revoked_at=None):
            api_keys.revoke(key, by=signed_in(request), address=client_address(request))
        self.message_user(request, "They open nothing any more.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
