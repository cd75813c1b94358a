"""The push token that a device registers."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ingest.wire.limits import Limits, Note, Notes
from ingest.wire.values import JsonValue, as_text, is_truthy


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


_HUAWEI: Final = ("HMS", "HUAWEI")
_NO_TOKEN: Final = "BLACKLISTED"  # noqa: S105 - what Google's library says when there is none
_TEST_MODES: Final = {
    "0": PushEnvironment.PRODUCTION,
    "1": PushEnvironment.DEVELOPMENT,
    "2": PushEnvironment.AD_HOC,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PushToken:
    """A token, or (empty text) the news that the device has none any more."""

    provider: PushProvider
    environment: PushEnvironment
    token: str
    locale: str = ""


def read_token(values: dict[str, JsonValue], limits: Limits, notes: Notes) -> PushToken | None:
    """Read `token_session` and what comes with it. Apple's tokens need a valid `test_mode`."""
    if not is_truthy(values.get("token_session")):
        return None
    environment: PushEnvironment | None = PushEnvironment.PRODUCTION
    if "android_token" in values:
        sent = as_text(values["android_token"])
        huawei = as_text(values.get("token_provider")).upper() in _HUAWEI
        provider = PushProvider.HMS if huawei else PushProvider.FCM
    elif "ios_token" in values:
        sent = as_text(values["ios_token"])
        provider = PushProvider.APNS
        environment = _TEST_MODES.get(as_text(values.get("test_mode")).strip())
    else:
        return None
    if environment is None or len(sent) > limits.token:
        notes.add(Note.TOKEN_UNUSABLE)
        return None
    locale = as_text(values.get("locale"))[: limits.sdk_text]
    return PushToken(provider=provider, environment=environment, token="" if sent == _NO_TOKEN else sent, locale=locale)
