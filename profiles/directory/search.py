"""Search over people: which rows of AppUser a line of text finds. Relies on the trigram index of `search_text`."""

from functools import reduce
from operator import and_, or_

from django.db.models import Q, Value
from django.db.models.functions import Lower

from profiles.access import masking
from profiles.users.models import SEARCHED

SHORTEST_ANYWHERE = 3  # the trigram index finds shorter words only where a word begins


def search_condition(text: str, user: str = "") -> Q:
    """Return the condition that each word of `text` stands somewhere in a user's searched columns.

    Masked columns find nobody. `user` leads to the AppUser ("user__"). The words are lower-cased by the database, as
    the column was, and matched as they are: % and _ mean themselves.
    """
    words = text.split()
    found = reduce(and_, (_finds(f"{user}search_text", word) for word in words), Q())
    masks = masking.current()
    if not masks:
        return found
    # What the index finds must stand in a column that whoever searches may see.
    seen = [f"{user}{column}" for column in SEARCHED if masks.shows(column)]
    stands = (reduce(or_, (Q(**{f"{one}__icontains": word}) for one in seen)) for word in words)
    return reduce(and_, stands, found)


def _finds(column: str, word: str) -> Q:
    if len(word) >= SHORTEST_ANYWHERE:
        return Q(**{f"{column}__contains": Lower(Value(word))})
    begins = Q(**{f"{column}__startswith": Lower(Value(word))})
    inside = (Q(**{f"{column}__contains": Lower(Value(edge + word))}) for edge in ("\n", " "))
    return reduce(or_, inside, begins)
