"""The push token that a device registers."""

from dataclasses import dataclass
from enum import StrEnum


class PushProvider(StrEnum):
    """Who delivers messages to the device."""

    FCM = "fcm"
    HMS = "hms"
    APNS = "apns"


class PushEnvironment(StrEnum):
    """Which of a provider's worlds the token belongs to. Only Apple has more than one."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"
    AD_HOC = "ad_hoc"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushToken:
    """A token, or (empty text) the news that the device has none any more."""

    provider: PushProvider
    environment: PushEnvironment
    token: str
    locale: str = ""
