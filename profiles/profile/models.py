"""What people write about a user."""

from django.conf import settings
from django.db import models

from profiles.users.models import app_column


class Note(models.Model):
    """A note about a user. It stays with the user it was written about; who was merged since is found by `Identity`."""

    FOLLOWS_IDENTITY = "created_at"

    user_id = models.UUIDField(editable=False)
    app = app_column()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    author_name = models.CharField(max_length=150, help_text="Kept when the account is gone.")
    text = models.TextField()
    created_at = models.DateTimeField()
    edited_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["user_id", "-created_at"], name="note_of_user")]

    def __str__(self) -> str:
        return f"{self.author_name}: {self.text[:60]}"
