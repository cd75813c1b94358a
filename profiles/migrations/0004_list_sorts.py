"""Indexes for lists sorted by name and by device."""

from django.db import migrations, models

from profiles.users.models import sortable_device, sortable_name


class Migration(migrations.Migration):
    dependencies = [("profiles", "0003_crash_texts_and_days")]

    operations = [
        migrations.AddIndex(
            "appuser", models.Index("app", "is_identified", sortable_name(), "id", name="app_user_name")
        ),
        migrations.AddIndex(
            "appuser", models.Index("app", "is_identified", sortable_device(), "id", name="app_user_device")
        ),
    ]
