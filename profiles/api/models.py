"""What the API keeps: which exports of users were asked for."""

from django.db import models

from profiles.access.models import App


class UserExport(models.Model):
    """An export of app users that can be fetched by its name until it is deleted. The file is made when it is fetched.

    `asked` says whom, as `profiles.directory.audience` writes it.
    """

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    name = models.CharField(max_length=100, unique=True, help_text="appUser_<app>_<uid>, or …_HASH_<40 hex>.")
    asked = models.JSONField()
    asked_by = models.CharField(max_length=150)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
