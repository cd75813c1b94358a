"""What people keep of their lists: views by name, the columns that they like, and the orders that were made fast."""

from typing import Final

from django.conf import settings
from django.db import models

from profiles.access.models import App

LONGEST_VIEW_NAME: Final = 80


class SavedView(models.Model):
    """A list's query string under a name: its owner's alone, or shared with everybody who may read the app."""

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    name = models.CharField(max_length=LONGEST_VIEW_NAME)
    query = models.TextField(help_text="As directory.state writes it, without a page.")
    is_shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["app", "owner", "name"], name="saved_view_once_per_name"),
        ]

    def __str__(self) -> str:
        return self.name


class ListLayout(models.Model):
    """How somebody likes the list of an app: what its address does not say otherwise."""

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    columns = models.TextField(default="", help_text="As the address has them; empty: the default ones.")
    density = models.CharField(max_length=12, default="")
    default_view = models.ForeignKey(SavedView, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "user"], name="list_layout_once_per_person")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.app_id}"


class SortIndex(models.Model):
    """An index that was asked for, so that an order of an app's list is read and not computed.

    The row is the task: what `state` says is done by `profiles.directory.tasks`, and taken up again when killed.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        BUILDING = "building", "Being built"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"
        DROPPING = "dropping", "Being removed"

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    column = models.TextField(help_text="The column's name in addresses.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    fault = models.CharField(max_length=200, default="")
    asked_at = models.DateTimeField(auto_now_add=True)
    ready_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "column"], name="sort_index_once_per_column")]

    def __str__(self) -> str:
        return f"{self.column} of {self.app_id}: {self.state}"

    @property
    def index_name(self) -> str:
        """The index's name in the database."""
        return f"list_sort_{self.pk}"
