"""What a person may write about apps, members and their own account."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.models import User
from django.core.validators import MinValueValidator
from django.db.models import QuerySet

from profiles.access import masking
from profiles.access.app_settings import key_is_taken
from profiles.access.models import App, Membership

ZONES = [(zone, zone) for zone in ["UTC", *sorted(available_timezones() - {"UTC"})]]


class StyledForm(forms.Form):
    """A form whose fields look like the others of the product; `_fragments/field.html` draws them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        style(self)


def style(form: forms.BaseForm) -> None:
    """Give the widgets of a form the classes of the product's components."""
    for field in form.fields.values():
        if isinstance(field.widget, forms.Select):
            field.widget.attrs.setdefault("class", "select")
        elif isinstance(field.widget, forms.Textarea):
            field.widget.attrs.setdefault("class", "input textarea")
        elif not isinstance(field.widget, forms.CheckboxInput | forms.RadioSelect | forms.CheckboxSelectMultiple):
            field.widget.attrs.setdefault("class", "input")


class ApiKeyForm(StyledForm):
    """A new API key of one's own."""

    LIFETIMES = [("", "never"), ("30", "in 30 days"), ("90", "in 90 days"), ("365", "in a year")]

    name = forms.CharField(label="What it is for", max_length=80)
    app = forms.ModelChoiceField(App.objects.none(), required=False, empty_label="Every app that I may see")
    days = forms.TypedChoiceField(
        label="Expires", choices=LIFETIMES, required=False, coerce=lambda days: int(days), empty_value=None
    )
    may_write = forms.BooleanField(label="May also change things", required=False)

    def __init__(self, *args: Any, apps: QuerySet[App], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["app"].queryset = apps  # type: ignore[attr-defined]


class NewAppForm(StyledForm):
    """What an app begins with."""

    name = forms.CharField(max_length=120)
    timezone = forms.ChoiceField(label="Time zone", choices=ZONES, initial="UTC", help_text="Its days begin there.")
    key = forms.RegexField(
        r"^[\x21-\x7e]{8,128}$",
        label="App key",
        required=False,
        help_text="Empty: a new one. Or the key that SDKs have already, when an app moves here.",
        error_messages={"invalid": "8 to 128 letters, digits and signs, without spaces."},
    )

    def clean_key(self) -> str:
        """Refuse a key that another app has or had."""
        key: str = self.cleaned_data["key"]
        if key and key_is_taken(key):
            raise forms.ValidationError("Another app has this key already.")
        return key


class AppForm(forms.ModelForm[App]):
    """What an app's admins may change at once."""

    timezone = forms.ChoiceField(
        label="Time zone",
        choices=ZONES,
        help_text="Its days begin there. Days that were counted before stay as they are.",
    )

    class Meta:
        model = App
        fields = (
            "name",
            "timezone",
            "keeps_country",
            "keeps_city",
            "is_locked",
            "requests_per_second",
            "events_kept_days",
            "requests_kept_days",
            "users_kept_days",
            "late_data",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        style(self)
        for name in ("requests_per_second", "events_kept_days", "requests_kept_days", "users_kept_days"):
            self.fields[name].widget.attrs["min"] = 1
            self.fields[name].validators.append(MinValueValidator(1))


class IconForm(forms.Form):
    """A picture that becomes the app's icon."""

    MOST_BYTES = 5_000_000

    icon = forms.FileField(label="Picture", widget=forms.FileInput(attrs={"class": "input", "accept": "image/*"}))

    def clean_icon(self) -> bytes:
        """Read the file, if it is not too large for an icon."""
        file = self.cleaned_data["icon"]
        if file.size > self.MOST_BYTES:
            raise forms.ValidationError("The picture has more than 5 MB.")
        content: bytes = file.read()
        return content


class GraceForm(StyledForm):
    """For how long what is replaced stays valid."""

    GRACES = [(30, "30 more days"), (90, "90 more days"), (7, "7 more days"), (1, "1 more day"), (0, "no longer")]

    grace = forms.TypedChoiceField(label="The present one is valid", choices=GRACES, coerce=int)


class SaltForm(GraceForm):
    """A salt for checksums and how long requests are let in as before."""

    salt = forms.CharField(
        max_length=128,
        required=False,
        help_text="The same text as in the SDK's configuration. Empty: requests need no checksum.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}),
    )
    field_order = ["salt", "grace"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["grace"].label = "Requests as before are let in"


class InvitationForm(StyledForm):
    """Whom an app's admin invites."""

    note = forms.CharField(label="For whom", max_length=120, help_text="So that you know the link again.")
    role = forms.ChoiceField(choices=Membership.Role.choices)


class NewPersonForm(UserCreationForm[User]):
    """An account of somebody who was invited."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("usable_password", None)
        style(self)


class CodeForm(StyledForm):
    """A code of an authenticator app, or a recovery code."""

    code = forms.CharField(
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "text", "autofocus": True}),
    )


class MasksForm(StyledForm):
    """Shown, masked or hidden: for each role and each personal field, and for custom properties by name."""

    def __init__(self, *args: Any, masks: Mapping[str, Mapping[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for role in masking.ROLES:
            levels = masks.get(role.value, {})
            for field, (label, _) in masking.FIELDS.items():
                self.fields[f"{role.value}-{field}"] = forms.ChoiceField(
                    label=f"{label}, for {role.value}s",
                    choices=masking.LEVELS,
                    required=False,
                    initial=levels.get(field),
                )
            for level in (masking.MASKED, masking.HIDDEN):
                names = [name.removeprefix("custom.") for name, own in levels.items() if own == level and "." in name]
                self.fields[f"{role.value}-custom-{level}"] = forms.CharField(
                    label=f"Custom properties {level} for {role.value}s",
                    required=False,
                    initial="\n".join(names),
                    widget=forms.Textarea(attrs={"rows": 3}),
                    help_text="One name a line.",
                )
        style(self)

    def rows(self) -> list[tuple[str, list[forms.BoundField]]]:
        """Return the fields of each line of the page's table."""
        return [
            (label, [self[f"{role.value}-{field}"] for role in masking.ROLES])
            for field, (label, _) in masking.FIELDS.items()
        ]

    def custom(self) -> list[forms.BoundField]:
        """Return the fields for custom properties by name."""
        return [self[f"{role.value}-custom-{level}"] for role in masking.ROLES for level in ("masked", "hidden")]

    def masks(self) -> dict[str, dict[str, str]]:
        """Return what was chosen, as the app keeps it."""
        chosen: dict[str, dict[str, str]] = {}
        for role in masking.ROLES:
            levels = {field: self.cleaned_data[f"{role.value}-{field}"] for field in masking.FIELDS}
            for level in (masking.MASKED, masking.HIDDEN):
                for name in self.cleaned_data[f"{role.value}-custom-{level}"].splitlines():
                    if name.strip():
                        levels[f"custom.{name.strip()}"] = level
            chosen[role.value] = {field: level for field, level in levels.items() if level}
        return {role: levels for role, levels in chosen.items() if levels}
