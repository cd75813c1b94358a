"""What privacy adds to the filter of the user list: who is hidden. Whoever asks for it sees them."""

from django.db.models import Exists, OuterRef, Q

from profiles.access.models import HiddenUser
from profiles.access.querysets import HIDDEN_FIELD
from profiles.directory.filters import kinds
from profiles.directory.filters.fields import Field, Scope, register
from profiles.directory.filters.kinds import Values
from profiles.directory.standard import USE


def _where(operator: str, _: Values, scope: Scope) -> Q:
    is_hidden = Q(Exists(HiddenUser.objects.filter(user_id=OuterRef(scope.key))))
    return is_hidden if operator == "yes" else ~is_hidden


register(Field(HIDDEN_FIELD, "Hidden:", USE, kinds.TRUTH, _where))
