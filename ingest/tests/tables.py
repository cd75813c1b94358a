"""All tables of the product as text, to be compared: what was applied twice must leave the same."""

from django.db import connection

# The raw requests themselves, which are kept of a duplicate too, and what belongs to Django.
RECEIPTS = ("ingest_request", "ingest_inboxrequest")
_DJANGO = ("auth_", "axes_", "django_")


def dump() -> dict[str, list[str]]:
    """Give the rows of every table but receipts, as JSON text, sorted. Partitions are read through their table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"
        )
        names = [name for (name,) in cursor.fetchall() if name not in RECEIPTS and not name.startswith(_DJANGO)]
        rows: dict[str, list[str]] = {}
        for name in names:
            cursor.execute(f'SELECT to_jsonb(t)::text FROM "{name}" t')
            rows[name] = sorted(row for (row,) in cursor.fetchall())
    return rows
