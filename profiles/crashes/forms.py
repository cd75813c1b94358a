"""What may be done with a crash group."""

from typing import Any

from django import forms
from django.core.validators import validate_email

from profiles.crashes.handling import LONGEST_COMMENT
from profiles.crashes.models import AlertChannel
from profiles.crashes.webhooks import WebhookError, checked_address

RESOLVE, HIDE, REOPEN = "resolve", "hide", "reopen"


class StateForm(forms.Form):
    """Resolve (in a version), hide or reopen a group."""

    action = forms.ChoiceField(choices=[(RESOLVE, "Resolve"), (HIDE, "Hide"), (REOPEN, "Reopen")])
    version = forms.CharField(max_length=100, required=False)

    def clean_version(self) -> Any:
        """Leave out the spaces around a version."""
        return self.cleaned_data["version"].strip()


class CommentForm(forms.Form):
    """What somebody says of a group."""

    text = forms.CharField(max_length=LONGEST_COMMENT)


MOST_RECIPIENTS = 20


class ChannelForm(forms.ModelForm[AlertChannel]):
    """Where alerts go, and which."""

    class Meta:
        model = AlertChannel
        fields = ("kind", "target", "on_new", "on_reoccurred", "on_spiking", "is_fatal_only")
        labels = {
            "kind": "Send by",
            "target": "Address",
            "on_new": "New crashes",
            "on_reoccurred": "Resolved crashes that come back",
            "on_spiking": "Crashes that spike",
            "is_fatal_only": "Fatal crashes only",
        }
        help_texts = {"target": "https://… for a webhook; e-mail addresses, parted by commas."}
        widgets = {
            "kind": forms.Select(attrs={"class": "select"}),
            "target": forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
        }

    def clean(self) -> dict[str, Any]:
        """Check that the address is one of its kind."""
        cleaned = super().clean() or self.cleaned_data
        kind, target = cleaned.get("kind"), (cleaned.get("target") or "").strip()
        if not target:
            return cleaned
        try:
            if kind == AlertChannel.Kind.WEBHOOK:
                cleaned["target"] = checked_address(target)
            elif kind == AlertChannel.Kind.EMAIL:
                cleaned["target"] = _addresses(target)
        except WebhookError as error:
            self.add_error("target", str(error))
        except forms.ValidationError as error:
            self.add_error("target", error)
        return cleaned


def _addresses(text: str) -> str:
    addresses = [address.strip() for address in text.split(",") if address.strip()]
    if len(addresses) > MOST_RECIPIENTS:
        raise forms.ValidationError(f"At most {MOST_RECIPIENTS} addresses.")
    for address in addresses:
        validate_email(address)
    return ", ".join(addresses)
