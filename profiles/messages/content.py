"""What a message says, in each language, and what comes with it. Pure; stored as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from profiles.messages import personalisation
from profiles.messages.personalisation import PersonalisationError

MOST_BUTTONS: Final = 2
MOST_VARIANTS: Final = 20
LONGEST_TITLE: Final = 200
LONGEST_BODY: Final = 2000
LONGEST_BUTTON: Final = 40
LONGEST_ADDRESS: Final = 1000
LONGEST_SOUND: Final = 60
MOST_DATA: Final = 20
_LOCALE: Final = re.compile(r"[a-z]{2,3}(_[A-Za-z0-9]{2,8}){0,2}")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_NO_SCHEME: Final = {"javascript", "data", "vbscript", "file"}
# Keys that the SDKs and the providers read themselves.
_TAKEN: Final = {
    "aps",
    "c",
    "title",
    "message",
    "sound",
    "badge",
    "from",
    "message_type",
    "notification",
    "collapse_key",
}
_TAKEN_STARTS: Final = ("c.", "google.", "gcm.")


class ContentError(ValueError):
    """Content that cannot be sent; the message is for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class Button:
    """A button below the text: what it says, and what it opens."""

    title: str
    link: str


@dataclass(frozen=True, slots=True)
class Text:
    """What is said in one language; without a locale, to everybody else."""

    title: str
    body: str
    locale: str = ""
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """A message: the default text first, then those of single languages, and what is alike for all."""

    texts: tuple[Text, ...]
    link: str = ""
    media: str = ""
    sound: str = "default"
    badge: int | None = None
    data: Mapping[str, str] = field(default_factory=dict)

    @property
    def default(self) -> Text:
        """The text for those whose language has none."""
        return self.texts[0]


def to_json(content: Content) -> dict[str, Any]:
    """Return the content as plain values."""
    return asdict(content) | {"data": dict(content.data)}


def from_json(stored: Mapping[str, Any]) -> Content:
    """Return stored content."""
    texts = tuple(
        Text(
            title=text["title"],
            body=text["body"],
            locale=text["locale"],
            buttons=tuple(Button(button["title"], button["link"]) for button in text["buttons"]),
        )
        for text in stored["texts"]
    )
    return Content(
        texts=texts,
        link=stored["link"],
        media=stored["media"],
        sound=stored["sound"],
        badge=stored["badge"],
        data=dict(stored["data"]),
    )


def clean_locale(locale: str) -> str:
    """Return a locale as texts are named by: `pt_BR` of `pt-br`; raise ContentError."""
    parts = [part for part in re.split(r"[-_]", locale.strip()) if part]
    if not parts:
        return ""
    clean = "_".join([parts[0].lower(), *(part.upper() if len(part) == 2 else part.capitalize() for part in parts[1:])])
    if not _LOCALE.fullmatch(clean):
        raise ContentError(f"“{locale[:40]}” is no locale such as de or pt_BR")
    return clean


def choose_text(content: Content, locale: str) -> Text:
    """Return the text for somebody's locale: of that locale, else of its language, else the default."""
    try:
        wanted = clean_locale(locale)
    except ContentError:
        wanted = ""
    by_locale = {text.locale: text for text in content.texts if text.locale}
    while wanted:
        if wanted in by_locale:
            return by_locale[wanted]
        wanted = wanted.rpartition("_")[0]
    return content.default


def check(content: Content) -> None:
    """Raise ContentError for what could not be sent or would not be read."""
    if not content.texts or content.texts[0].locale:
        raise ContentError("A message needs a text for everybody")
    if len(content.texts) > MOST_VARIANTS:
        raise ContentError(f"A message has {MOST_VARIANTS} languages at most")
    locales = [text.locale for text in content.texts]
    if len(set(locales)) < len(locales):
        raise ContentError("Two texts are of one language")
    for text in content.texts:
        _check_text(text)
    _check_address(content.link, "The link")
    _check_address(content.media, "The address of the picture", only={"https"})
    if len(content.sound) > LONGEST_SOUND:
        raise ContentError(f"The name of a sound has {LONGEST_SOUND} characters at most")
    if content.badge is not None and not 0 <= content.badge <= 99_999:
        raise ContentError("A badge is a number from 0 to 99 999")
    _check_data(content.data)


def _check_text(text: Text) -> None:
    where = f" ({text.locale})" if text.locale else ""
    if not text.body.strip():
        raise ContentError(f"The message has no text{where}")
    if len(text.body) > LONGEST_BODY:
        raise ContentError(f"A text has {LONGEST_BODY} characters at most{where}")
    if len(text.title) > LONGEST_TITLE:
        raise ContentError(f"A title has {LONGEST_TITLE} characters at most{where}")
    if len(text.buttons) > MOST_BUTTONS:
        raise ContentError(f"A message has {MOST_BUTTONS} buttons at most{where}")
    for button in text.buttons:
        if not button.title.strip() or len(button.title) > LONGEST_BUTTON:
            raise ContentError(f"A button says something, in {LONGEST_BUTTON} characters at most{where}")
        if not button.link:
            raise ContentError(f"Say what the button “{button.title}” opens{where}")
        _check_address(button.link, f"The link of “{button.title}”")
    for line in (text.title, text.body):
        try:
            personalisation.read(line)
        except PersonalisationError as error:
            raise ContentError(f"{error}{where}") from None


def _check_address(address: str, what: str, only: set[str] | None = None) -> None:
    if not address:
        return
    if len(address) > LONGEST_ADDRESS:
        raise ContentError(f"{what} has {LONGEST_ADDRESS} characters at most")
    scheme, colon, rest = address.partition(":")
    if not colon or not _SCHEME.fullmatch(scheme) or not rest or any(letter.isspace() for letter in address):
        raise ContentError(f"{what} is an address such as https://example.com or myapp://page")
    if scheme.lower() in _NO_SCHEME or (only and scheme.lower() not in only):
        raise ContentError(f"{what} cannot begin with {scheme}:")
    if scheme.lower() in {"http", "https"} and not urlsplit(address).hostname:
        raise ContentError(f"{what} names no server")


def _check_data(data: Mapping[str, str]) -> None:
    if len(data) > MOST_DATA:
        raise ContentError(f"A message carries {MOST_DATA} values at most")
    for key in data:
        if not key.strip() or len(key) > LONGEST_SOUND:
            raise ContentError(f"The name of a value has 1 to {LONGEST_SOUND} characters")
        if key.lower() in _TAKEN or key.lower().startswith(_TAKEN_STARTS):
            raise ContentError(f"“{key}” is a name that the SDKs or the providers use themselves")


def fields_needed(texts: Sequence[Text]) -> set[str]:
    """Return the profile fields that the texts speak of."""
    return {
        name
        for text in texts
        for line in (text.title, text.body)
        for name in personalisation.fields_of(personalisation.read(line))
    }
