"""The device models that SDKs sent, and what people call them: noted down by ingest, looked up in the background."""

from collections.abc import Collection
from datetime import datetime

from django.db import connection, transaction

from profiles.bulk import array_literal
from profiles.users.device_names import find_names
from profiles.users.models import DeviceModel

MODELS_AT_ONCE = 500


def device_names_of(models: Collection[str]) -> dict[str, str | None]:
    """Return what these device models are called, as far as is known; those never seen before are noted down."""
    if not models:
        return {}
    wanted = [array_literal(sorted(models), "text")]
    with connection.cursor() as cursor:
        cursor.execute("SELECT model, name FROM profiles_devicemodel WHERE model = ANY(%s::text[])", wanted)
        known: dict[str, str | None] = dict(cursor.fetchall())
        if len(known) < len(models):
            cursor.execute(
                "INSERT INTO profiles_devicemodel (model) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING", wanted
            )
    return known


def look_up_device_names(now: datetime) -> int:
    """Find out what new device models are called, tell the profiles, and return how many models there were.

    One pass over the profiles for all new models together; there are few once an app is known.
    """
    new = list(DeviceModel.objects.filter(looked_up_at=None).values_list("model", flat=True)[:MODELS_AT_ONCE])
    if not new:
        return 0
    names = find_names(new)
    with transaction.atomic():
        DeviceModel.objects.filter(model__in=new).update(looked_up_at=now)
        found = [array_literal(names.keys(), "text"), array_literal(names.values(), "text")]
        with connection.cursor() as cursor:
            for table, model, name in (
                ("profiles_devicemodel", "model", "name"),
                ("profiles_appuser", "device", "device_name"),
            ):
                cursor.execute(
                    f"UPDATE {table} t SET {name} = f.name"  # noqa: S608 - names from this loop
                    f" FROM unnest(%s::text[], %s::text[]) AS f (model, name) WHERE t.{model} = f.model",
                    found,
                )
    return len(new)
