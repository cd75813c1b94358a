"""What a person may write about apps, members and their own account."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from profiles.access.models import App


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
