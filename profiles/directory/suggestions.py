"""What users really have: names and values that the filter's form, the columns' picker and their like offer.

Looked for among the users seen last, so that it costs the same in an app of any size: it is an offer, not a census.
"""

from typing import Any, Final

from django.db.models import Count, F, Func, QuerySet, TextField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, NullIf

from profiles.access import masking
from profiles.access.models import App
from profiles.activity.models import Event, EventKey
from profiles.countries import country_name
from profiles.directory.filters.fields import CUSTOM, Field
from profiles.directory.filters.kinds import Suggests, Values
from profiles.directory.standard import TEXTS
from profiles.users.models import AppUser, UserActivity

LOOKED_AT: Final = 2_000  # users
EVENTS_OF_USERS: Final = 300
MOST: Final = 60
LONGEST: Final = 200
_COLUMNS: Final = {text.name: text.columns for text in TEXTS}
_PRIVATE: Final = frozenset({"name", "username", "email", "phone", "device_id"})  # nobody picks these from a list


class Keys(Func):
    """The keys of a JSON object, a row each."""

    function = "jsonb_object_keys"
    arity = 1
    set_returning = True
    output_field = TextField()


def seen_last(app: App, number: int = LOOKED_AT) -> QuerySet[AppUser]:
    """Return up to `number` users of each half of the app, those seen last."""
    known = UserActivity.objects.filter(app=app, last_seen_at__isnull=False)
    halves = [
        known.filter(is_identified=half).order_by("-last_seen_at", "-user_id").values("user_id")[:number]
        for half in (True, False)
    ]
    return AppUser.objects.filter(pk__in=halves[0].union(halves[1], all=True))


def property_names(app: App) -> list[str]:
    """Return the custom properties of users that whoever looks may see, the most frequent first. One query."""
    names = _ranked(seen_last(app).annotate(said=Keys("custom")))
    return [name for name in names if masking.current().shows(CUSTOM + name)]


def value_of(name: str) -> Any:
    """Return the expression of a field's value as text, None where it has none to count by."""
    if name.startswith(CUSTOM):
        return KeyTextTransform(name.removeprefix(CUSTOM), "custom")
    columns = _COLUMNS.get(name)
    if columns is None:
        return None
    known = [NullIf(F(column), Value("", output_field=TextField())) for column in columns]
    return Coalesce(*known) if len(known) > 1 else known[0]


def offered(app: App, field: Field, what: Suggests, typed: Values) -> list[tuple[str, str]]:
    """Return what a box may hold: values, each with words for it where it needs some. One query at most."""
    match what:
        case Suggests.EVENT:
            keys = EventKey.objects.filter(app=app).order_by("key")
            return [(key, "") for key in keys.values_list("key", flat=True)[: 4 * MOST]]
        case Suggests.FEATURE:
            return [(name, "") for name in _ranked(seen_last(app).annotate(said=Keys("consent")))]
        case Suggests.SEGMENT:
            return [(name, "") for name in _ranked(_events(app, typed).annotate(said=Keys("segmentation")))]
        case Suggests.SEGMENT_VALUE:
            name = typed[3] if len(typed) > 3 else ""
            said = KeyTextTransform(name, "segmentation")
            return [(text, "") for text in _ranked(_events(app, typed).annotate(said=said))] if name else []
        case _:
            value = None if field.name in _PRIVATE else value_of(field.name)
            found = [] if value is None else _ranked(seen_last(app).annotate(said=value))
            return [(text, (country_name(text) or "") if field.name == "country" else "") for text in found]


def _events(app: App, typed: Values) -> QuerySet[Event]:
    """Return some of the events of the key that is typed first, of the users seen last."""
    users = seen_last(app, EVENTS_OF_USERS // 2).values("pk")
    numbers = EventKey.objects.filter(app=app, key=typed[0] if typed else "").values("id")
    return Event.objects.filter(user_id__in=users, key_id__in=numbers, segmentation__isnull=False)


def _ranked(rows: QuerySet[Any]) -> list[str]:
    counted = rows.order_by().values("said").annotate(number=Count("*")).order_by("-number", "said")
    found = counted.values_list("said", flat=True)[:MOST]
    return [said for said in found if said and len(said) <= LONGEST]
