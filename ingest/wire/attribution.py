"""The campaign that brought the user."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """Install attribution as the SDK reports it."""

    campaign_id: str
    campaign_user: str = ""
