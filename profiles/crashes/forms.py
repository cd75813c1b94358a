"""What may be done with a crash group."""

from typing import Any

from django import forms

from profiles.crashes.handling import LONGEST_COMMENT

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
