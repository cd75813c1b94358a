"""What privacy adds to the actions of the user list."""

from profiles.access.permissions import Role
from profiles.directory.actions import Action, register

register(Action("delete", "Delete…", "trash-2", "privacy:delete", Role.ADMIN, is_dangerous=True))
