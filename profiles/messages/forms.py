"""What a person may write as a message, and what holds for all messages of an app."""

from collections.abc import Iterator
from typing import Any, Final

from django import forms
from django.forms import BaseFormSet, formset_factory
from django.http import QueryDict

from profiles.access.forms import StyledForm, style
from profiles.messages import content as contents
from profiles.messages.content import Button, Content, ContentError, Text
from profiles.messages.models import Message, PushSettings

LIFETIMES: Final = ((1, "1 hour"), (6, "6 hours"), (24, "1 day"), (72, "3 days"), (672, "4 weeks"))
SHOWN_VARIANTS: Final = contents.MOST_VARIANTS - 1


class MessageForm(StyledForm):
    """A message: the text for everybody, what comes with it, and when it goes out."""

    title = forms.CharField(required=False, max_length=contents.LONGEST_TITLE)
    body = forms.CharField(
        label="Text", max_length=contents.LONGEST_BODY, widget=forms.Textarea(attrs={"rows": 3}), strip=False
    )
    link = forms.CharField(
        label="Opens",
        required=False,
        max_length=contents.LONGEST_ADDRESS,
        help_text="https://… or an address of the app.",
    )
    picture = forms.CharField(required=False, max_length=contents.LONGEST_ADDRESS, help_text="An https address.")
    button1_title = forms.CharField(label="First button says", required=False, max_length=contents.LONGEST_BUTTON)
    button1_link = forms.CharField(label="and opens", required=False, max_length=contents.LONGEST_ADDRESS)
    button2_title = forms.CharField(label="Second button says", required=False, max_length=contents.LONGEST_BUTTON)
    button2_link = forms.CharField(label="and opens", required=False, max_length=contents.LONGEST_ADDRESS)
    sound = forms.CharField(
        required=False, initial="default", max_length=contents.LONGEST_SOUND, help_text="Empty: silent."
    )
    badge = forms.IntegerField(required=False, min_value=0, help_text="The number on the app's icon.")
    values = forms.CharField(
        label="More values for the app",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text="One a line: name=value",
    )
    when = forms.ChoiceField(choices=Message.When.choices, initial=Message.When.NOW, widget=forms.RadioSelect)
    wall_clock = forms.DateTimeField(
        label="Time",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
    )
    valid_hours = forms.TypedChoiceField(
        label="Given up after",
        choices=LIFETIMES,
        coerce=int,
        initial=24,
        help_text="So long Apple and Google try to reach a device that is off.",
    )

    def clean_values(self) -> dict[str, str]:
        """Read the lines of name=value."""
        found: dict[str, str] = {}
        for line in self.cleaned_data["values"].splitlines():
            if not line.strip():
                continue
            name, equals, value = line.partition("=")
            if not equals:
                raise forms.ValidationError(f"“{line[:40]}” is no name=value")
            found[name.strip()] = value.strip()
        return found

    def clean(self) -> dict[str, Any]:
        """A time is needed for everything but now."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("when") not in {None, Message.When.NOW} and cleaned.get("wall_clock") is None:
            self.add_error("wall_clock", "Say when.")
        if cleaned.get("when") == Message.When.NOW:
            cleaned["wall_clock"] = None
        return cleaned


class VariantForm(StyledForm):
    """The same in another language; without a language it is none. Buttons open what those of the default text do."""

    locale = forms.CharField(
        label="Language", required=False, max_length=20, widget=forms.TextInput(attrs={"placeholder": "de or pt_BR"})
    )
    title = forms.CharField(required=False, max_length=contents.LONGEST_TITLE)
    body = forms.CharField(
        label="Text", required=False, max_length=contents.LONGEST_BODY, widget=forms.Textarea(attrs={"rows": 2})
    )
    button1 = forms.CharField(label="First button", required=False, max_length=contents.LONGEST_BUTTON)
    button2 = forms.CharField(label="Second button", required=False, max_length=contents.LONGEST_BUTTON)

    def clean(self) -> dict[str, Any]:
        """A text needs a language."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not cleaned.get("locale") and any(cleaned.get(name) for name in ("title", "body")):
            self.add_error("locale", "Say the language.")
        return cleaned


VariantFormSet: type[BaseFormSet[VariantForm]] = formset_factory(
    VariantForm, extra=0, max_num=SHOWN_VARIANTS, absolute_max=SHOWN_VARIANTS + 1
)
PREFIX: Final = "variants"


def variants(
    posted: QueryDict | None = None, content: Content | None = None, *, more: int = 0
) -> BaseFormSet[VariantForm]:
    """Return the texts in other languages: as they were posted, or of a content; with `more` empty ones."""
    if posted is not None and not more:
        return VariantFormSet(posted, prefix=PREFIX)
    rows = list(_written(posted)) if posted is not None else _rows(content) if content else []
    found = VariantFormSet(initial=rows, prefix=PREFIX)
    found.extra = more
    return found


def _written(posted: QueryDict) -> Iterator[dict[str, str]]:
    total = posted.get(f"{PREFIX}-TOTAL_FORMS", "0")
    for number in range(min(int(total) if total.isdigit() else 0, SHOWN_VARIANTS)):
        yield {name: posted.get(f"{PREFIX}-{number}-{name}", "") for name in VariantForm.base_fields}


def _rows(content: Content) -> list[dict[str, str]]:
    rows = []
    for text in content.texts[1:]:
        titles = [button.title for button in text.buttons]
        first, second = (*titles, "", "")[:2]
        rows.append(
            {"locale": text.locale, "title": text.title, "body": text.body, "button1": first, "button2": second}
        )
    return rows


def initial_of(message: Message) -> dict[str, Any]:
    """Return what the form shows of a message."""
    content = contents.from_json(message.content)
    buttons = [*content.default.buttons, Button("", ""), Button("", "")]
    wall = message.wall_clock
    return {
        "title": content.default.title,
        "body": content.default.body,
        "link": content.link,
        "picture": content.media,
        "sound": content.sound,
        "badge": content.badge,
        "values": "\n".join(f"{name}={value}" for name, value in content.data.items()),
        "button1_title": buttons[0].title,
        "button1_link": buttons[0].link,
        "button2_title": buttons[1].title,
        "button2_link": buttons[1].link,
        "when": message.when,
        "wall_clock": wall.replace(tzinfo=None) if wall else None,
        "valid_hours": message.valid_hours,
    }


def read_content(form: MessageForm, others: BaseFormSet[VariantForm]) -> Content:
    """Return the content of forms that are valid; raise ContentError for what could not be sent."""
    said = form.cleaned_data
    links = [said["button1_link"].strip(), said["button2_link"].strip()]
    texts = [Text(said["title"].strip(), said["body"].strip(), "", _buttons(said, links, "button{}_title"))]
    for other in others:
        one = other.cleaned_data
        if one.get("locale"):
            locale = contents.clean_locale(one["locale"])
            text = Text(one["title"].strip(), one["body"].strip(), locale, _buttons(one, links, "button{}"))
            texts.append(text)
    content = Content(
        tuple(texts),
        said["link"].strip(),
        said["picture"].strip(),
        said["sound"].strip(),
        said["badge"],
        said["values"],
    )
    contents.check(content)
    return content


def _buttons(said: dict[str, Any], links: list[str], name: str) -> tuple[Button, ...]:
    """Return the buttons that say something; the second may stand alone nowhere."""
    titles = [said[name.format(number)].strip() for number in (1, 2)]
    if titles[1] and not titles[0]:
        raise ContentError("There is a second button and no first")
    return tuple(Button(title, link) for title, link in zip(titles, links, strict=True) if title)


class SettingsForm(forms.ModelForm[PushSettings]):
    """Approval and caps."""

    class Meta:
        model = PushSettings
        fields = ("needs_approval", "cap_messages", "cap_days")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        style(self)
        self.fields["cap_messages"].widget.attrs["min"] = 1
        self.fields["cap_days"].widget.attrs |= {"min": 1, "max": 90}
