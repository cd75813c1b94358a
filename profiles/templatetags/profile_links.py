"""Links of the profile page, whose whole state is in the address: `{% load profile_links %}`.

They need `page_url` and `choices` in the context, as `profiles.profile.boxes` gives them to every box.
"""

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag(takes_context=True)
def part_link(context: dict[str, Any], name: str, **changed: object) -> SafeString:
    """Write the attributes of a link that changes the page's state and, with scripts, only the box `name`.

    `data-sets` names what the link itself sets, so that the script can keep the rest in step with the address.
    """
    texts = {key: "" if value is None else str(value) for key, value in changed.items()}
    query = context["choices"].query(**texts)
    page = context["page_url"]
    return format_html(
        'href="{page}{query}#{name}" hx-get="{box}{query}" hx-target="#{name}" hx-swap="outerHTML"'
        ' hx-push-url="{page}{query}" data-sets="{sets}"',
        page=page,
        query=query,
        name=name,
        box=f"{page}{name}/",
        sets=" ".join(texts),
    )


@register.simple_tag(takes_context=True)
def retry_link(context: dict[str, Any], name: str) -> SafeString:
    """Write the attributes of a link that asks for the box again, or for the page where there are no scripts."""
    query = context["choices"].query()
    return format_html(
        'href="{page}{query}" hx-get="{box}{query}" hx-target="#{name}" hx-swap="outerHTML" data-sets=""',
        page=context["page_url"],
        query=query,
        name=name,
        box=f"{context['page_url']}{name}/",
    )
