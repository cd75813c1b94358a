"""Links from a list of users to a message for them: `{% load message_links %}`."""

from urllib.parse import urlsplit

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from profiles.access.models import App
from profiles.access.permissions import Role, has_role
from profiles.directory.audience import EVERYONE
from profiles.templatetags.display import icon

register = template.Library()


@register.simple_tag
def message_these(app: App, users_url: str, whom: str) -> SafeString:
    """Draw a button that writes a message to the users of a list's address; nothing for who may not. `whom` says
    who they are, for those who do not see where it stands.
    """
    if not has_role(Role(app.viewer_role), Role.ANALYST):
        return SafeString("")
    query = urlsplit(users_url).query
    return format_html(
        '<a class="icon-button quiet small" href="{}?{}" aria-label="Message {}" title="Message {}">{}</a>',
        reverse("messages:new", args=[app.public_id]),
        f"{EVERYONE}=1&{query}" if query else f"{EVERYONE}=1",
        whom,
        whom,
        icon("send"),
    )
