"""How values stand in templates: `{% load display %}`. The words come from `profiles.wording`; here is only markup."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django import template
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from profiles import countries, wording
from profiles.wording import Clock

register = template.Library()

register.filter("duration", wording.duration)
register.filter("grouped", wording.grouped)
register.filter("compact", wording.compact)
register.filter("percent", wording.percent)
register.filter("short_device_id", wording.short_device_id)
register.filter("country_name", countries.country_name)

SPARK_HEIGHT = 22
SPARK_BAR = 4
SPARK_STEP = 6

_PLATFORM_ICONS = {
    "ios": ("apple", "iOS"),
    "ipados": ("apple", "iPadOS"),
    "macos": ("apple", "macOS"),
    "mac os x": ("apple", "macOS"),
    "tvos": ("tv", "tvOS"),
    "android tv": ("tv", "Android TV"),
    "watchos": ("watch", "watchOS"),
    "android": ("smartphone", "Android"),
    "windows": ("monitor", "Windows"),
    "linux": ("square-terminal", "Linux"),
    "web": ("globe", "Web"),
}


@register.simple_tag
def icon(name: str, classes: str = "", label: str = "") -> SafeString:
    """Draw an icon of the sprite: decoration, unless it gets a label."""
    href = f"{static('vendor/lucide/sprite.svg')}#{name}"
    if label:
        return format_html(
            '<svg class="icon {}" role="img" aria-label="{}"><use href="{}"></use></svg>', classes, label, href
        )
    return format_html('<svg class="icon {}" aria-hidden="true"><use href="{}"></use></svg>', classes, href)


@register.simple_tag
def platform_icon(platform: str | None) -> SafeString:
    """Draw the icon of an operating system, with its name for those who do not see it; nothing when unknown."""
    if not platform:
        return SafeString("")
    name, label = _PLATFORM_ICONS.get(platform.lower(), ("smartphone", platform))
    return icon(name, "platform", label)


@register.simple_tag
def flag(country: str | None) -> SafeString:
    """Draw a country's flag; the name stands beside it or is its label. Nothing for what is no country."""
    if not country or not countries.is_country(country):
        return SafeString("")
    return format_html(
        '<img class="flag" src="{}" alt="{}" width="18" height="14" loading="lazy">',
        static(f"vendor/flag-icons/4x3/{country.lower()}.svg"),
        countries.country_name(country),
    )


@register.simple_tag
def avatar(key: UUID | int | str, name: str = "", picture: str | None = None, size: str = "") -> SafeString:
    """Draw a person or an app: the picture over initials on a colour of their own, so that a broken one shows those.

    `key` picks the colour and never changes; `size` is small, large, square, or several of them.
    """
    letters = wording.initials(name)
    inner: str | SafeString = letters or icon("user")
    url = wording.safe_picture_url(picture)
    image: str | SafeString = ""
    if url:
        image = format_html(
            '<img src="{}" alt="" data-initials="{}" loading="lazy" decoding="async" referrerpolicy="no-referrer">',
            url,
            letters or "?",
        )
    return format_html(
        '<span class="avatar {} hue-{}" aria-hidden="true">{}{}</span>', size, wording.hue(key), inner, image
    )


@register.simple_tag
def when(at: datetime | None, clock: Clock, side: str = "") -> SafeString:
    """Say how long ago, and exactly when on hover and on focus."""
    if at is None:
        return format_html('<span class="unknown">{}</span>', wording.UNKNOWN)
    exact = wording.exact(at, clock)
    return format_html(
        '<time class="when {}" datetime="{}" data-exact="{}" aria-label="{}" tabindex="0">{}</time>',
        side,
        at.isoformat(),
        exact,
        f"{wording.ago(at, clock)}, {exact}",
        wording.ago(at, clock),
    )


@register.simple_tag
def exactly(at: datetime | None, clock: Clock) -> str:
    """Say a moment to the second, as plain text."""
    return wording.UNKNOWN if at is None else wording.exact(at, clock)


@register.simple_tag
def meter(fraction: float | None, classes: str = "") -> SafeString:
    """Draw a bar that is filled to a share of 1; the number itself must stand beside it."""
    width = round(100 * min(1.0, max(0.0, fraction or 0.0)), 1)
    return format_html(
        '<svg class="meter {}" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect width="{}" height="6"></rect></svg>',
        classes,
        width,
    )


@register.simple_tag
def spark(values: Sequence[int], label: str) -> SafeString:
    """Draw a small column per value; a day of nothing is a dot on the ground line. `label` says it in words."""
    top = max([*values, 1])
    bars: list[tuple[Any, ...]] = []
    for position, value in enumerate(values):
        height = round(max(2.5, value / top * SPARK_HEIGHT), 1) if value else 1.5
        bars.append(("bar" if value else "none", position * SPARK_STEP, round(SPARK_HEIGHT - height, 1), height))
    return format_html(
        '<svg class="spark" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" aria-label="{2}">{3}</svg>',
        max(1, len(values) * SPARK_STEP - (SPARK_STEP - SPARK_BAR)),
        SPARK_HEIGHT,
        label,
        format_html_join("", '<rect class="{}" x="{}" y="{}" width="4" height="{}" rx="1"></rect>', bars),
    )


@register.filter
def or_dash(value: object) -> object:
    """Show a dash for what is unknown; zero, false and empty lists are known."""
    if value is None or value == "":
        return format_html('<span class="unknown" aria-label="unknown">{}</span>', wording.UNKNOWN)
    return value
