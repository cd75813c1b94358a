"""What a person may write about who is hidden."""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, Final

from django import forms

from profiles.access.forms import StyledForm

_KINDS: Final = {
    "user_agent": ("User agents that contain", "One a line, such as HeadlessChrome."),
    "device_id": ("Device ids", "One a line; test-* means all that begin so."),
    "ip_range": ("IP addresses", "One address or range a line, such as 203.0.113.0/24."),
    "property": ("Properties", "One a line, such as email=qa@example.com or internal=true."),
}
MOST_RULES: Final = 200


class HidingRulesForm(StyledForm):
    """Rules by kind, one a line."""

    def __init__(self, *args: Any, rules: Iterable[Mapping[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind, (label, help_text) in _KINDS.items():
            self.fields[kind] = forms.CharField(
                label=label,
                required=False,
                max_length=10_000,
                help_text=help_text,
                initial="\n".join(rule["value"] for rule in rules if rule.get("kind") == kind),
                widget=forms.Textarea(attrs={"rows": 4, "class": "input textarea", "spellcheck": "false"}),
            )

    def clean(self) -> dict[str, Any]:
        """Refuse what could never match."""
        for line in _lines(self.cleaned_data.get("ip_range", "")):
            try:
                ipaddress.ip_network(line, strict=False)
            except ValueError:
                self.add_error("ip_range", f"“{line}” is no address and no range.")
        for line in _lines(self.cleaned_data.get("property", "")):
            if not all(part.strip() for part in line.partition("=")):
                self.add_error("property", f"“{line}” is not written name=value.")
        if len(self.rules()) > MOST_RULES:
            raise forms.ValidationError(f"At most {MOST_RULES} rules: each is asked of every request.")
        return self.cleaned_data

    def rules(self) -> list[dict[str, str]]:
        """Return the rules as the app keeps them."""
        return [{"kind": kind, "value": line} for kind in _KINDS for line in _lines(self.cleaned_data.get(kind, ""))]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
