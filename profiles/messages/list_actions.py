"""What messages add to the actions of the user list."""

from profiles.access.permissions import Role
from profiles.directory.actions import Action, register

register(Action("message", "Message…", "send", "messages:new", Role.ANALYST))
