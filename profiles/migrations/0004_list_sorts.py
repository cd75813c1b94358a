"""Indexes for lists sorted by name and by device."""

from django.db import migrations, models
from django.db.models import F, Value
from django.db.models.functions import Coalesce, Left, Lower, NullIf

NAMES = [NullIf(F(column), Value("")) for column in ("name", "username", "email")]


class Migration(migrations.Migration):
    dependencies = [("profiles", "0003_crash_texts_and_days")]

    operations = [
        migrations.AddIndex(
            "appuser",
            models.Index(
                "app",
                "is_identified",
                Lower(Left(Coalesce(*NAMES, F("device_id")), 100)),
                "id",
                name="app_user_name",
            ),
        ),
        migrations.AddIndex(
            "appuser",
            models.Index("app", "is_identified", Lower(Left(F("device"), 100)), "id", name="app_user_device"),
        ),
    ]
