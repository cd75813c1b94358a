"""Lists sort devices by what people call them."""

from django.db import migrations, models
from django.db.models import F, Value
from django.db.models.functions import Coalesce, Left, Lower, NullIf

NAMES = [NullIf(F(column), Value("")) for column in ("device_name", "device")]


class Migration(migrations.Migration):
    dependencies = [("profiles", "0006_device_names")]

    operations = [
        migrations.RemoveIndex("appuser", "app_user_device"),
        migrations.AddIndex(
            "appuser",
            models.Index(
                "app",
                "is_identified",
                Lower(Left(Coalesce(*NAMES), 100)),
                "id",
                name="app_user_device",
            ),
        ),
    ]
