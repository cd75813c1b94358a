"""What the filter of the user list can ask about engagement: the stored score, in per cent as it is shown."""

from typing import Final

from profiles.directory.filters import kinds
from profiles.directory.filters.fields import Field, number, register
from profiles.engagement.score import MAX_SCORE

FIELD: Final = "engagement"

register(
    Field(FIELD, "Engagement in %", "Use", kinds.NUMBER, number("engagement__score", scale=MAX_SCORE / 100)),
)
