"""The campaign that brought the user."""

from dataclasses import dataclass

from ingest.wire.limits import Limits
from ingest.wire.values import JsonValue, as_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """Install attribution as the SDK reports it."""

    campaign_id: str
    campaign_user: str = ""


def read_campaign(values: dict[str, JsonValue], limits: Limits) -> Campaign | None:
    """Read `campaign_id` and `campaign_user`."""
    if "campaign_id" not in values:
        return None
    campaign_id = as_text(values["campaign_id"])[: limits.campaign]
    if not campaign_id:
        return None
    return Campaign(campaign_id=campaign_id, campaign_user=as_text(values.get("campaign_user"))[: limits.campaign])
