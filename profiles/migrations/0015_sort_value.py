"""What lists sort custom properties by: short texts in lower case, then numbers; null where there is none."""

from django.db import migrations

# A function of ours, and immutable, so that an index may hold it: to_jsonb is only marked stable, though of a text it is not.
CREATE = """
CREATE FUNCTION profiles_sort_value(held jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE jsonb_typeof(held)
        WHEN 'null' THEN NULL
        WHEN 'number' THEN CASE WHEN length(held::text) <= 60 THEN held END
        ELSE to_jsonb(lower(left(held #>> '{}', 100)))
    END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("profiles", "0014_crash_groups_by_hand")]

    operations = [migrations.RunSQL(CREATE, "DROP FUNCTION profiles_sort_value(jsonb)")]
