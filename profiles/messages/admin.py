"""Push credentials in Django admin: entered, tried with the provider, and never shown again. Messages, to look at."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from profiles.access import audit
from profiles.messages import accounts
from profiles.messages.accounts import Known
from profiles.messages.credentials import AppleKey, CredentialError, GoogleAccount
from profiles.messages.models import Message, PushCredential
from profiles.messages.outcomes import Verdict

Kind = PushCredential.Kind


class PushCredentialForm(forms.ModelForm[PushCredential]):
    """What a provider gives out; the provider is asked before it is stored."""

    secret = forms.CharField(
        label="Key file",
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "autocomplete": "off"}),
        help_text="Apple: the text of the .p8 file. Firebase: the JSON file of the service account.",
        strip=True,
    )
    key_id = forms.CharField(label="Apple: key id", required=False, max_length=10)
    team_id = forms.CharField(label="Apple: team id", required=False, max_length=10)
    topic = forms.CharField(label="Apple: bundle id", required=False, max_length=255)

    class Meta:
        model = PushCredential
        fields = ("app", "kind")

    known: Known
    fault = ""

    def clean(self) -> dict[str, Any]:
        """Read the credential and ask the provider. One that cannot be reached does not forbid to store it."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not cleaned.get("secret") or not cleaned.get("kind"):
            return cleaned
        try:
            if cleaned["kind"] == Kind.APNS:
                self.known = AppleKey(cleaned["key_id"], cleaned["team_id"], cleaned["topic"], cleaned["secret"])
            else:
                self.known = GoogleAccount.read(cleaned["secret"])
            accounts.check_shape(self.known)
        except CredentialError as error:
            raise ValidationError(str(error)) from None
        outcome = accounts.try_out(self.known)
        self.fault = accounts.fault_of(self.known, outcome)
        if self.fault and outcome.verdict is not Verdict.RETRY:
            raise ValidationError(self.fault)
        # It takes the place of the one that is there.
        stored = PushCredential.objects.filter(app=cleaned.get("app"), kind=cleaned["kind"]).first()
        self.instance = stored or self.instance
        return cleaned


@admin.register(PushCredential)
class PushCredentialAdmin(admin.ModelAdmin[PushCredential]):
    """Entered again in whole to be changed: one that is stored is only looked at."""

    list_display = ("app", "kind", "changed_at", "checked_at", "fault")
    list_select_related = ("app",)
    list_filter = ("kind",)
    form = PushCredentialForm

    def get_fields(self, request: HttpRequest, obj: PushCredential | None = None) -> Any:
        """Ask for everything of a new one; show of a stored one what may be seen."""
        if obj is None:
            return ("app", "kind", "secret", "key_id", "team_id", "topic")
        return ("app", "kind", "shown", "changed_at", "checked_at", "fault", "paused_until")

    def has_change_permission(self, request: HttpRequest, obj: PushCredential | None = None) -> bool:
        """Adding one for an app and provider that have one takes its place."""
        return False

    def save_model(
        self, request: HttpRequest, obj: PushCredential, form: forms.ModelForm[PushCredential], change: bool
    ) -> None:
        """Store it sealed, in the place of the one before."""
        assert isinstance(form, PushCredentialForm)  # noqa: S101 - it is the one above
        stored = accounts.store(obj.app, form.known, form.fault, timezone.now())
        obj.pk = stored.pk
        audit.record(request.user, obj.app, audit.Action.APP_CHANGED, f"push credential {obj.kind}", stored.shown)


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin[Message]):
    """Looked at alone: messages are written, stopped and deleted on their own pages, which say what that means."""

    list_display = ("__str__", "app", "state", "when", "created_by", "created_at", "matched_users", "fault")
    list_select_related = ("app",)
    list_filter = ("state", "is_test")
    search_fields = ("public_id",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A message is composed on its page."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Message | None = None) -> bool:
        """What was sent stays as it was sent."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Message | None = None) -> bool:
        """What was sent is not forgotten by hand."""
        return False
