"""What privacy adds to the actions of the user list."""

from profiles.access.permissions import Role
from profiles.directory.actions import Action, register

register(Action("hide", "Hide or show", "eye", "privacy:hide", Role.ANALYST))
register(Action("delete", "Delete…", "trash-2", "privacy:delete", Role.ADMIN, is_dangerous=True))
